//! Logins, judged by another implementation of RFC 7616.

use detector_simulator::{Codec, NumberedScene, Script, ScriptedCamera};
use digest_auth::AuthContext;

use super::camera;
use super::gst_client::GstClient;
use super::raw_client::{RawClient, RawReply};

/// Answers the challenge that begins so.
#[track_caller]
fn answer(refusal: &RawReply, begins: &str, camera: &ScriptedCamera, password: &str) -> String {
    let challenges = refusal.all("WWW-Authenticate");
    let challenge = challenges
        .iter()
        .find(|challenge| challenge.contains(begins))
        .unwrap_or_else(|| panic!("no {begins} among {challenges:?}"));
    let mut prompt = digest_auth::parse(challenge).unwrap();
    let url = camera.url("/gate");
    let context = AuthContext::new_with_method(
        "admin",
        password,
        url.as_str(),
        None::<&[u8]>,
        digest_auth::HttpMethod::from("DESCRIBE"),
    );
    prompt.respond(&context).unwrap().to_header_string()
}

#[track_caller]
fn check_digest(schemes: &str, begins: &str) {
    let camera = camera(Codec::H264, &[&format!("auth={schemes}")]);
    let mut client = RawClient::connect(&camera);
    assert_eq!(client.request("OPTIONS", &[]).status, 200);
    let refusal = client.request("DESCRIBE", &[]);
    assert_eq!(refusal.status, 401);
    let wrong = answer(&refusal, begins, &camera, "other");
    assert_eq!(client.request("DESCRIBE", &[("Authorization", &wrong)]).status, 401, "{schemes}");
    assert_eq!(camera.record().refused_logins, 1, "{schemes}");
    let right = answer(&refusal, begins, &camera, "pw");
    assert_eq!(client.request("DESCRIBE", &[("Authorization", &right)]).status, 200, "{schemes}");
    assert_eq!(camera.record().refused_logins, 1, "{schemes}");
}

#[test]
fn digest_is_asked_for_in_every_form() {
    check_digest("md5", "algorithm=MD5");
    check_digest("md5-unnamed", "Digest realm=");
    check_digest("md5-qop", "qop=\"auth\"");
    check_digest("md5-sess", "algorithm=MD5-sess");
    check_digest("sha256", "algorithm=SHA-256");
    check_digest("sha256-qop", "algorithm=SHA-256");
    check_digest("sha256-sess", "algorithm=SHA-256-sess");
    check_digest("sha256,md5", "algorithm=SHA-256");
    check_digest("sha256,md5", "algorithm=MD5");
    check_digest("md5,basic", "algorithm=MD5");
}

#[test]
fn basic_is_right_only_where_it_was_asked_for() {
    let login = ("Authorization", "Basic YWRtaW46cHc=");
    for (schemes, status) in [("basic", 200), ("md5,basic", 200), ("md5", 401)] {
        let camera = camera(Codec::H264, &[&format!("auth={schemes}")]);
        let mut client = RawClient::connect(&camera);
        assert_eq!(client.request("DESCRIBE", &[login]).status, status, "{schemes}");
    }
}

#[test]
fn gstreamer_gets_in() {
    // It knows neither `qop` nor SHA-256.
    for schemes in ["basic", "md5", "md5-unnamed", "md5,basic"] {
        let camera = camera(Codec::H264, &["fps=50", &format!("auth={schemes}")]);
        let client = GstClient::watch(&camera.url_with_login("/gate"), Codec::H264);
        client.right_numbers(&NumberedScene::default(), 2);
        assert_eq!(camera.record().refused_logins, 0, "{schemes}");
    }
}

#[test]
fn a_nonce_ages() {
    let camera = camera(Codec::H264, &["auth=md5-qop", "nonce-life=1"]);
    let mut client = RawClient::connect(&camera);
    let refusal = client.request("DESCRIBE", &[]);
    assert!(!refusal.head.contains("stale"));
    let mut prompt = digest_auth::parse(refusal.header("WWW-Authenticate").unwrap()).unwrap();
    let url = camera.url("/gate");
    let mut describe = |prompt: &mut digest_auth::WwwAuthenticateHeader| {
        let method = digest_auth::HttpMethod::from("DESCRIBE");
        let context =
            AuthContext::new_with_method("admin", "pw", url.as_str(), None::<&[u8]>, method);
        let header = prompt.respond(&context).unwrap().to_header_string();
        client.request("DESCRIBE", &[("Authorization", &header)])
    };
    assert_eq!(describe(&mut prompt).status, 200);
    let stale = describe(&mut prompt);
    assert_eq!(stale.status, 401);
    assert!(stale.head.contains("stale=TRUE"), "{}", stale.head);
    let mut prompt = digest_auth::parse(stale.header("WWW-Authenticate").unwrap()).unwrap();
    assert_eq!(describe(&mut prompt).status, 200);
    assert_eq!(camera.record().refused_logins, 0);
}

#[test]
fn a_camera_locks_or_refuses_everyone() {
    let right = ("Authorization", "Basic YWRtaW46cHc=");
    let wrong = ("Authorization", "Basic YWRtaW46eA==");
    let locking = camera(Codec::H264, &["auth=basic", "lock-after=2"]);
    let mut client = RawClient::connect(&locking);
    for (login, status) in [(wrong, 401), (right, 200), (wrong, 401), (right, 401)] {
        assert_eq!(client.request("DESCRIBE", &[login]).status, status);
    }
    let refusing = camera(Codec::H264, &["auth=basic", "refuse-login"]);
    let mut client = RawClient::connect(&refusing);
    assert_eq!(client.request("DESCRIBE", &[right]).status, 401);
    assert_eq!(refusing.record().refused_logins, 1);

    let strict = camera(Codec::H264, &["auth=basic", "auth-options"]);
    let mut client = RawClient::connect(&strict);
    assert_eq!(client.request("OPTIONS", &[]).status, 401);
    assert_eq!(client.request("OPTIONS", &[right]).status, 200);
}

#[test]
fn odd_passwords_are_compared_as_they_are() {
    let mut script = Script::parse(Codec::H264, &["auth=md5-qop", "fps=50"]).unwrap();
    script.user = "ad\"m".to_owned();
    script.password = "p@s:s/w#r%d?&=ü".to_owned();
    let camera = ScriptedCamera::start(script).unwrap();
    let url = camera.url("/gate");
    let mut client = RawClient::connect(&camera);
    let refusal = client.request("DESCRIBE", &[]);
    let mut prompt = digest_auth::parse(refusal.header("WWW-Authenticate").unwrap()).unwrap();
    let method = digest_auth::HttpMethod::from("DESCRIBE");
    let (user, password) = ("ad\"m", "p@s:s/w#r%d?&=ü");
    let context = AuthContext::new_with_method(user, password, url.as_str(), None::<&[u8]>, method);
    let header = prompt.respond(&context).unwrap().to_header_string();
    assert_eq!(client.request("DESCRIBE", &[("Authorization", &header)]).status, 200);
}
