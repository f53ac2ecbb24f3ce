//! A camera refuses its login, again and again. The one beside it does not notice, whoever comes first.

use detector_simulator::{Footage, Login, Stream};

use crate::stand::{Cms, entry, impatient, start_camera, start_web_server, start_worker};

#[test]
fn a_camera_that_refuses_its_login_never_delays_another() {
    let (steady, locked, web) = (start_camera(), start_camera(), start_web_server(1));
    let login = Login { user: "viewer".to_owned(), password: "right".to_owned(), digest: true };
    locked.add("/locked", Stream::new(Footage::drawn()).login(login)).unwrap();
    let mut wrong = locked.url("/locked");
    wrong.set_username("viewer").unwrap();
    wrong.set_password(Some("wrong")).unwrap();
    let model = web.url("/colors.mpta").to_string();
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    for number in 0..4 {
        cms.subscribe(&format!("gate;locked-{number}"), &format!("{wrong}?n={number}"), &model);
    }
    cms.subscribe("gate;steady", steady.url("/drawn").as_str(), &model);
    cms.wait_for_detection("gate;steady");
    let report = cms.wait_for_state("gate;locked-3", "reconnecting");
    let refused = entry(&report, "gate;locked-3").unwrap();
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("refuses user or password"), "{reason}");

    // They are tried again all the while, and the frames of the other one keep coming.
    let mut newest = 0;
    for _ in 0..20 {
        let frame = cms.wait_for_detection("gate;steady")["frame"].as_u64().unwrap();
        assert!(frame > newest);
        newest = frame;
    }
    worker.stop().unwrap();
}
