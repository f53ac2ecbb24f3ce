//! Memory that starts where a cache line does.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::element::Element;

/// Numbers, all 0 at first. A vector that crosses a cache line costs two accesses, so none may.
pub(crate) struct Memory<E: Element> {
    start: NonNull<E>,
    len: usize,
}

// SAFETY: it owns its numbers as a `Vec` does.
unsafe impl<E: Element> Send for Memory<E> {}
// SAFETY: it owns its numbers as a `Vec` does.
unsafe impl<E: Element> Sync for Memory<E> {}

impl<E: Element> Memory<E> {
    pub fn new(len: usize) -> Self {
        if len == 0 {
            return Self { start: NonNull::dangling(), len };
        }
        let layout = Self::layout(len);
        // SAFETY: the size is not 0. Zero bytes are a number in every type of element.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start.cast::<E>()) else { handle_alloc_error(layout) };
        Self { start, len }
    }

    fn layout(len: usize) -> Layout {
        /// Bytes of a cache line.
        const LINE: usize = 64;
        Layout::array::<E>(len)
            .and_then(|layout| layout.align_to(LINE))
            .expect("a network's tensors fit the address space: their sizes were checked")
    }

    /// The first number, for kernels, whose threads write different parts at the same time.
    pub fn start(&self) -> *mut E {
        self.start.as_ptr()
    }
}

impl<E: Element> Drop for Memory<E> {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: allocated with this layout, and only here returned.
            unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.len)) }
        }
    }
}

impl<E: Element> Deref for Memory<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: `len` numbers were allocated, and zeroed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<E: Element> DerefMut for Memory<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as in `deref`, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<E: Element> FromIterator<E> for Memory<E> {
    fn from_iter<I: IntoIterator<Item = E>>(numbers: I) -> Self {
        let numbers: Vec<E> = numbers.into_iter().collect();
        let mut memory = Self::new(numbers.len());
        memory.copy_from_slice(&numbers);
        memory
    }
}
