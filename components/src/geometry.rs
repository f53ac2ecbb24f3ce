//! Boxes, regions, and how a region of a frame is laid into a network's input.
//!
//! The space is part of each name: `..._in_frame` is in pixels of the camera's frame,
//! `..._in_tensor` in pixels of the network's input.

/// A rectangle with corners in (sub)pixels: `x1 <= x2` and `y1 <= y2` when it is well formed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BBox {
    /// Left.
    pub x1: f32,
    /// Top.
    pub y1: f32,
    /// Right.
    pub x2: f32,
    /// Bottom.
    pub y2: f32,
}

impl BBox {
    /// Width times height; zero for a box that is turned inside out.
    pub fn area(&self) -> f32 {
        (self.x2 - self.x1).max(0.0) * (self.y2 - self.y1).max(0.0)
    }

    /// Intersection over union, from 0 to 1. Zero when both boxes are empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let intersection = Self {
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
            x2: self.x2.min(other.x2),
            y2: self.y2.min(other.y2),
        }
        .area();
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }

    /// The smallest whole-pixel region that covers this box and lies within `bounds`.
    ///
    /// `None` when nothing is left.
    pub fn region_within(&self, bounds: Region) -> Option<Region> {
        let left = (self.x1.floor().max(0.0) as u32).max(bounds.x);
        let top = (self.y1.floor().max(0.0) as u32).max(bounds.y);
        let right = (self.x2.ceil().max(0.0) as u32).min(bounds.x + bounds.width);
        let bottom = (self.y2.ceil().max(0.0) as u32).min(bounds.y + bounds.height);
        (left < right && top < bottom).then(|| Region {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        })
    }
}

/// A place, in (sub)pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f32,
    /// From the top.
    pub y: f32,
}

impl Point {
    /// The place of a region that is nearest to this one.
    pub fn within(self, region: Region) -> Self {
        let axis = |at: f32, start: u32, length: u32| {
            f64::from(at).clamp(f64::from(start), f64::from(start) + f64::from(length)) as f32
        };
        Self { x: axis(self.x, region.x, region.width), y: axis(self.y, region.y, region.height) }
    }
}

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A part of a frame, in whole pixels. Never empty, never outside its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Region {
    /// All of a frame.
    pub fn whole(frame: Size) -> Self {
        Self { x: 0, y: 0, width: frame.width, height: frame.height }
    }

    /// Columns and rows.
    pub fn size(self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// The same rectangle with its corners.
    pub fn bbox(self) -> BBox {
        BBox {
            x1: self.x as f32,
            y1: self.y as f32,
            x2: (self.x + self.width) as f32,
            y2: (self.y + self.height) as f32,
        }
    }
}

/// How a region is resampled to another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Two by two neighbours at half-pixel centres, whatever the scale: OpenCV's `INTER_LINEAR`.
    Bilinear,
    /// A triangle as wide as the scale, so that every source pixel counts when shrinking: Pillow's
    /// `BILINEAR`.
    Antialiased,
}

/// Where a region of a frame lands in a network's input.
///
/// The region `source` is resampled to `resized` and laid at `offset` into a tensor of size
/// `tensor`. What lies outside the tensor is cut; what the picture does not cover is
/// [`Placement::PADDING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placement {
    /// The part of the frame that is looked at.
    pub source: Region,
    /// Size of that part after resampling.
    pub resized: Size,
    /// Column and row of the tensor that the resampled picture's first pixel lands on. Negative
    /// when the picture is cut (centre crop).
    pub offset: [i32; 2],
    /// How it is resampled.
    pub filter: Filter,
    /// Size of the network's input.
    pub tensor: Size,
}

impl Placement {
    /// The grey around a picture that does not fill the tensor, of 255.
    pub const PADDING: u8 = 114;

    /// Scales the region to fit the tensor, keeps its shape, centres it, pads the rest.
    ///
    /// This is Ultralytics' `LetterBox(auto=False)` with its roundings: sizes and paddings are
    /// rounded half to even, an odd padding pixel goes right and below.
    pub fn letterbox(source: Region, tensor: Size) -> Self {
        let resized = fitted(source, tensor);
        Self::centred(source, resized, tensor)
    }

    /// Like [`Placement::letterbox`] with `longest` as both sides, but the tensor is the smallest
    /// multiple of `stride` that holds the picture: Ultralytics' `LetterBox(auto=True)`.
    pub fn rect(source: Region, longest: u32, stride: u32) -> Self {
        let square = Size { width: longest, height: longest };
        let resized = fitted(source, square);
        let side = |resized: u32| resized + (longest - resized) % stride;
        let tensor = Size { width: side(resized.width), height: side(resized.height) };
        Self::centred(source, resized, tensor)
    }

    /// Scales the region so that it covers the tensor and cuts the middle out of it, as
    /// classifiers are trained: torchvision's `Resize` and `CenterCrop`, as Ultralytics calls
    /// them. A tensor that is not square is filled without keeping the region's shape.
    pub fn centre_crop(source: Region, tensor: Size) -> Self {
        if tensor.width != tensor.height {
            return Self {
                source,
                resized: tensor,
                offset: [0, 0],
                filter: Filter::Antialiased,
                tensor,
            };
        }
        let side = u64::from(tensor.width);
        let (width, height) = (u64::from(source.width), u64::from(source.height));
        // The longer side is truncated, not rounded: torchvision's `int(size * long / short)`.
        let resized = if width <= height {
            Size { width: tensor.width, height: (side * height / width) as u32 }
        } else {
            Size { width: (side * width / height) as u32, height: tensor.height }
        };
        let cut = |resized: u32| -(round((f64::from(resized) - side as f64) / 2.0) as i32);
        Self {
            source,
            resized,
            offset: [cut(resized.width), cut(resized.height)],
            filter: Filter::Antialiased,
            tensor,
        }
    }

    /// A box in pixels of the tensor, in pixels of the frame, cut to the region that was looked at.
    pub fn frame_from_tensor(&self, bbox_in_tensor: BBox) -> BBox {
        let BBox { x1, y1, x2, y2 } = bbox_in_tensor;
        let corner = |x, y| self.frame_point_from_tensor(Point { x, y }).within(self.source);
        let (first, second) = (corner(x1, y1), corner(x2, y2));
        BBox { x1: first.x, y1: first.y, x2: second.x, y2: second.y }
    }

    /// A point in pixels of the tensor, in pixels of the frame. Outside the region that was looked at
    /// when the point lies beside the picture.
    pub fn frame_point_from_tensor(&self, point_in_tensor: Point) -> Point {
        let axis = |at: f32, offset: i32, source: u32, resized: u32, start: u32| {
            let scale = f64::from(source) / f64::from(resized);
            ((f64::from(at) - f64::from(offset)) * scale + f64::from(start)) as f32
        };
        let Self { source, resized, offset: [left, top], .. } = *self;
        Point {
            x: axis(point_in_tensor.x, left, source.width, resized.width, source.x),
            y: axis(point_in_tensor.y, top, source.height, resized.height, source.y),
        }
    }

    fn centred(source: Region, resized: Size, tensor: Size) -> Self {
        // The tenth keeps an odd padding's half from rounding away on both sides.
        let before = |tensor: u32, resized: u32| {
            round((f64::from(tensor) - f64::from(resized)) / 2.0 - 0.1) as i32
        };
        Self {
            source,
            resized,
            offset: [before(tensor.width, resized.width), before(tensor.height, resized.height)],
            filter: Filter::Bilinear,
            tensor,
        }
    }
}

/// The largest size of the region's shape within `tensor`.
fn fitted(source: Region, tensor: Size) -> Size {
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    let scale = (f64::from(tensor.height) / height).min(f64::from(tensor.width) / width);
    let side = |side: f64, limit: u32| (round(side * scale) as u32).clamp(1, limit);
    Size { width: side(width, tensor.width), height: side(height, tensor.height) }
}

/// Rounds half to even, as Python does.
fn round(value: f64) -> f64 {
    value.round_ties_even()
}

#[cfg(test)]
mod tests;
