//! Still pictures: JPEG and PNG in and out, colour conversion, drawing of detections.
