use super::*;

const PATH: &str = "/still.jpg?channel=1";

fn fresh() -> Login {
    Login::of(&Url::parse("http://ad%40min:p%3Ass@host/still.jpg").unwrap()).unwrap()
}

/// What is shown to a camera that offers this.
#[track_caller]
fn check(offers: &[&str], begin: &str, parts: &[&str]) {
    let mut login = fresh();
    assert_eq!(login.authorization(PATH), Ok(None));
    login.challenge(offers.iter().copied(), false).unwrap();
    let shown = login.authorization(PATH).unwrap().unwrap();
    assert!(shown.starts_with(begin), "{shown}");
    for part in parts {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn what_an_address_must_escape_is_restored() {
    let url = Url::parse("rtsp://ad%40min:p%3Ass@host/stream").unwrap();
    assert_eq!(login(&url), ("ad@min".to_owned(), "p:ss".to_owned()));
    assert!(Login::of(&Url::parse("http://host/").unwrap()).is_none());
}

#[test]
fn basic_is_shown_where_nothing_better_is_offered() {
    // `ad@min:p:ss` in base 64.
    check(&["Basic realm=\"camera\""], "Basic YWRAbWluOnA6c3M=", &[]);
    check(&["basic"], "Basic YWRAbWluOnA6c3M=", &[]);
    check(&["Negotiate", "Basic realm=\"camera\""], "Basic ", &[]);
}

#[test]
fn the_strongest_offer_is_taken() {
    let md5 = "Digest realm=\"c\", nonce=\"one\", qop=\"auth\", algorithm=MD5";
    let sha = "Digest realm=\"c\", nonce=\"two\", qop=\"auth\", algorithm=SHA-256";
    for offers in [[md5, sha, "Basic realm=\"c\""], ["Basic realm=\"c\"", sha, md5]] {
        check(&offers, "Digest ", &["algorithm=SHA-256", "nonce=\"two\""]);
    }
    check(&[&format!("Basic realm=\"c\", {md5}, {sha}")], "Digest ", &["nonce=\"two\""]);
}

#[test]
fn digests_are_shown_as_cameras_write_them() {
    // RFC 2069, with and without a named algorithm.
    check(&["Digest realm=\"c\", nonce=\"n\""], "Digest ", &["uri=\"/still.jpg?channel=1\""]);
    let named = "Digest realm=\"c\", nonce=\"n\", algorithm=\"md5\"";
    check(&[named], "Digest ", &["algorithm=MD5"]);
    check(
        &["Digest realm=\"c\", nonce=\"n\", algorithm=SHA-256"],
        "Digest ",
        &["algorithm=SHA-256"],
    );
    let session = "Digest realm=\"c\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=md5-SESS";
    check(&[session], "Digest ", &["algorithm=MD5-sess", "qop=auth,", "cnonce="]);
    check(&["Digest realm=\"c\", nonce=\"n\", qop=\"auth-int\""], "Digest ", &["qop=auth-int"]);
    check(
        &["Digest nonce=\"n\", nonce=\"m\", opaque=\"o\""],
        "Digest ",
        &["nonce=\"n\"", "opaque"],
    );
}

/// RFC 2617, 3.5.
#[test]
fn a_digest_without_quality_is_that_of_the_standard() {
    let url = Url::parse("http://Mufasa:Circle%20Of%20Life@host/").unwrap();
    let mut login = Login::of(&url).unwrap();
    let offer = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    login.challenge([offer].into_iter(), false).unwrap();
    let shown = login.authorization("/dir/index.html").unwrap().unwrap();
    assert!(shown.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""), "{shown}");
}

#[test]
fn a_wrong_login_is_shown_once() {
    let offer = "Digest realm=\"c\", nonce=\"n\"";
    let mut login = fresh();
    login.challenge([offer].into_iter(), false).unwrap();
    assert!(login.authorization(PATH).unwrap().is_some());
    assert_eq!(login.challenge([offer].into_iter(), true), Err(LoginError::Refused));
    assert_eq!(login.authorization(PATH), Err(LoginError::Refused));
}

#[test]
fn an_old_nonce_is_renewed_once() {
    let stale = "Digest realm=\"c\", nonce=\"m\", stale=TRUE";
    let mut login = fresh();
    login.challenge(["Digest realm=\"c\", nonce=\"n\""].into_iter(), false).unwrap();
    login.challenge([stale].into_iter(), true).unwrap();
    assert!(login.authorization(PATH).unwrap().unwrap().contains("nonce=\"m\""));
    assert_eq!(login.challenge([stale].into_iter(), true), Err(LoginError::Refused));
}

#[test]
fn a_nonce_that_was_taken_is_renewed_though_nobody_says_that_it_is_old() {
    let offer = "Digest realm=\"c\", nonce=\"m\"";
    let mut login = fresh();
    login.challenge([offer].into_iter(), false).unwrap();
    for _ in 0..3 {
        login.accept();
        login.challenge([offer].into_iter(), true).unwrap();
    }
    assert_eq!(login.challenge([offer].into_iter(), true), Err(LoginError::Refused));
}

#[test]
fn what_is_not_known_is_said() {
    for offer in
        ["Negotiate", "Digest realm=\"c\"", "Digest realm=\"c\", nonce=\"n\", algorithm=x", ""]
    {
        let mut login = fresh();
        assert_eq!(
            login.challenge([offer].into_iter(), false),
            Err(LoginError::Unknown),
            "{offer}"
        );
    }
}
