//! A browser opens the port: it finds a page, with or without the token; whatever is on it needs the
//! token. A CMS at the same place finds the protocol.

use detector_components::secret::Secret;
use serde_json::{Value, json};

use crate::pictures::{get, get_with};
use crate::stand::Engine;

const BROWSER: [(&str, &str); 1] = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];

#[test]
fn a_browser_finds_the_page_and_a_cms_the_protocol() {
    let engine = Engine::start();
    let page = get_with(&engine, "/", &BROWSER);
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(page.body.starts_with(b"<!doctype html>"));
    engine.connect().next_of("stateReport");
    // Whoever wants neither is told what there is.
    assert_eq!(get(&engine, "/").status, 426);
}

#[test]
fn the_models_that_lie_ready_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.mpta", "a.pt", "notes.txt", ".hidden.pt", "traffic/c.mpta", "deep/er/d.pt"] {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let told = |engine: &Engine| {
        let answer = get(engine, "/models");
        (answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap())
    };
    let models_dir = folder.path().to_owned();
    let engine = Engine::start_with(|config| config.models_dir = Some(models_dir.clone()));
    let expected = json!({"models": ["a.pt", "b.mpta", "traffic/c.mpta"]});
    assert_eq!(told(&engine), (200, expected));

    folder.close().unwrap();
    let (status, answer) = told(&engine);
    assert_eq!(status, 500);
    assert!(answer["error"].as_str().unwrap().contains(models_dir.to_str().unwrap()), "{answer}");
    assert_eq!(told(&Engine::start()), (200, json!({"models": []})));
}

#[test]
fn the_page_comes_without_the_token_and_what_it_shows_does_not() {
    let engine = Engine::start_with(|config| config.token = Some(Secret::new("s3cret")));
    assert_eq!(get_with(&engine, "/", &BROWSER).status, 200);
    assert_eq!(get(&engine, "/page/main.js").status, 200);
    assert_eq!(get_with(&engine, "/camera/a/results", &BROWSER).status, 401);
    assert_eq!(get_with(&engine, "/models", &BROWSER).status, 401);
    assert_eq!(get(&engine, "/page/no-such-file").status, 404);
}

#[test]
fn the_page_runs_nothing_but_itself() {
    let engine = Engine::start();
    for path in ["/", "/page/main.js", "/page/style.css"] {
        let headers = get_with(&engine, path, &BROWSER).headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
}

#[test]
fn the_page_offers_to_subscribe_where_that_is_wanted() {
    let offers = |engine: &Engine| {
        let page = String::from_utf8(get_with(engine, "/", &BROWSER).body).unwrap();
        page.contains("data-may-subscribe=\"true\"")
    };
    assert!(offers(&Engine::start()));
    assert!(!offers(&Engine::start_with(|config| config.page_may_subscribe = false)));
}
