//! The CMS judges a worker by its heartbeats. They come whatever inference does.

use serde_json::json;

use crate::stand::{Cms, impatient, start_worker};

#[test]
fn reports_come_by_themselves_and_when_asked() {
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    for _ in 0..3 {
        let report = cms.wait_for("a heartbeat", |message| message["type"] == "stateReport");
        assert_eq!(report["cameraConnections"], json!([]));
        assert!(report["memoryUsage"].as_f64().is_some_and(|usage| usage > 0.0), "{report}");
    }
    worker.stop().unwrap();
}
