//! A screen that nobody sees: an X server of the test's own, and what is on it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use detector_components::geometry::{BBox, Size};
use detector_picture::RgbPicture;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConnectionExt, EventMask, ImageFormat, InputFocus, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::stand::PATIENCE;

/// An X server with one screen, on a display that was free. It ends with the test.
pub struct Desktop {
    server: Child,
    display: String,
    connection: RustConnection,
    root: Window,
    size: Size,
}

impl Desktop {
    pub fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x760x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb: install the Debian package xvfb");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        let (connection, screen) = x11rb::connect(Some(&display)).unwrap();
        let screen = &connection.setup().roots[screen];
        let (width, height) = (screen.width_in_pixels.into(), screen.height_in_pixels.into());
        let root = screen.root;
        Self { server, display, connection, root, size: Size { width, height } }
    }

    /// What `DISPLAY` is to be.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// What is on the screen.
    pub fn picture(&self) -> RgbPicture {
        let Size { width, height } = self.size;
        let image = self
            .connection
            .get_image(
                ImageFormat::Z_PIXMAP,
                self.root,
                0,
                0,
                width as u16,
                height as u16,
                u32::MAX,
            )
            .unwrap()
            .reply()
            .unwrap();
        // Depth 24: blue, green, red and a byte that is not used.
        let data = image.data.chunks_exact(4).flat_map(|bgr| [bgr[2], bgr[1], bgr[0]]).collect();
        RgbPicture { size: self.size, data }
    }

    /// The first picture from here on that is as wanted.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, wanted: impl Fn(&RgbPicture) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let picture = self.picture();
            if let Some(found) = wanted(&picture) {
                return found;
            }
            if deadline < Instant::now() {
                let file = std::env::temp_dir().join("detector-window.jpg");
                std::fs::write(&file, picture.encode_jpeg(95).unwrap()).unwrap();
                panic!("no {what} in time; {} has what was there", file.display());
            }
        }
    }

    /// Presses a key, by its keysym, in the only window.
    pub fn press(&self, keysym: u32) {
        let window = self.window();
        self.connection.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).unwrap();
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let map = self.connection.get_keyboard_mapping(first, last - first + 1).unwrap();
        let map = map.reply().unwrap();
        let per_key = usize::from(map.keysyms_per_keycode);
        let key = map.keysyms.chunks(per_key).position(|keysyms| keysyms[0] == keysym).unwrap();
        for event in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
            let code = first + key as u8;
            self.connection.xtest_fake_input(event, code, 0, self.root, 0, 0, 0).unwrap();
        }
        self.connection.sync();
    }

    /// Closes the only window, as its title bar would.
    pub fn close_window(&self) {
        let window = self.window();
        let atom = |name: &str| {
            self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
        };
        let (protocols, delete) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
        let event = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        self.connection.send_event(false, window, EventMask::NO_EVENT, event).unwrap();
        self.connection.sync();
    }

    /// The window that is shown.
    fn window(&self) -> Window {
        let children = self.connection.query_tree(self.root).unwrap().reply().unwrap().children;
        let large = |window: &Window| {
            let geometry = self.connection.get_geometry(*window).unwrap().reply();
            geometry.is_ok_and(|geometry| geometry.width > 100)
        };
        children.into_iter().find(large).expect("a window")
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

trait Sync {
    /// Waits until the server has done what it was asked for.
    fn sync(&self);
}

impl Sync for RustConnection {
    fn sync(&self) {
        self.get_input_focus().unwrap().reply().unwrap();
    }
}

/// Where on a picture the pixels of a kind are.
pub fn place(picture: &RgbPicture, is: impl Fn([u8; 3]) -> bool) -> Option<BBox> {
    let width = picture.size.width as usize;
    let mut found: Option<BBox> = None;
    for (index, pixel) in picture.data.chunks_exact(3).enumerate() {
        if is([pixel[0], pixel[1], pixel[2]]) {
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            let bbox = found.get_or_insert(BBox { x1: x, y1: y, x2: x, y2: y });
            bbox.x1 = bbox.x1.min(x);
            bbox.y1 = bbox.y1.min(y);
            bbox.x2 = bbox.x2.max(x);
            bbox.y2 = bbox.y2.max(y);
        }
    }
    found
}

/// Whether a line of a colour runs across the middle of each side of a box, at most so far from it.
pub fn is_framed(picture: &RgbPicture, bbox: BBox, color: [u8; 3], slack: f32) -> bool {
    let BBox { x1, y1, x2, y2 } = bbox;
    let (middle_x, middle_y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
    let near = |a: u8, b: u8| a.abs_diff(b) < 40;
    let has_line = |x: f32, y: f32, across: bool| {
        (-slack as i32..=slack as i32).any(|off| {
            let (x, y) =
                (x as i32 + if across { 0 } else { off }, y as i32 + if across { off } else { 0 });
            let inside = (0..picture.size.width as i32).contains(&x)
                && (0..picture.size.height as i32).contains(&y);
            inside && {
                let at = (y as usize * picture.size.width as usize + x as usize) * 3;
                (0..3).all(|channel| near(picture.data[at + channel], color[channel]))
            }
        })
    };
    has_line(middle_x, y1, true)
        && has_line(middle_x, y2, true)
        && has_line(x1, middle_y, false)
        && has_line(x2, middle_y, false)
}
