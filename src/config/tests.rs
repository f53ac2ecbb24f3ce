use std::path::PathBuf;

use detector_components::secret::Secret;
use detector_reach::Reach;

use super::*;

const DOCUMENTED: &str = include_str!("../../config.ron");

/// A folder with a configuration in a file of this name, and the file.
fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn variables(variables: &[(&str, &str)]) -> Vec<(String, Secret)> {
    variables.iter().map(|(name, text)| (name.to_string(), Secret::new(*text))).collect()
}

/// What comes out of an empty file and these variables.
fn with(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_folder, file) = written("config.ron", "()");
    let sources = Sources { file: Some(file), variables: variables(set), ..Sources::default() };
    sources.load().map(|loaded| loaded.config)
}

/// Why a file of this name and content is refused, without the folder it is in.
#[track_caller]
fn fault(name: &str, text: &str) -> String {
    let (folder, file) = written(name, text);
    let fault = Sources { file: Some(file), ..Sources::default() }.load().unwrap_err().to_string();
    fault.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_documented_configuration_is_the_default() {
    assert_eq!(layers::from_ron(DOCUMENTED).unwrap(), Config::default());
}

#[test]
fn the_default_is_usable() {
    Config::default().check().unwrap();
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_name_and_its_place() {
    assert_eq!(
        fault("config.ron", "(\n  target_fsp: 5,\n)"),
        "config.ron:2:3: there is no field `target_fsp`; is `target_fps` meant?"
    );
    assert_eq!(
        fault("config.json", "{\n  \"max_stream\": 5\n}"),
        "config.json:2:14: there is no field `max_stream`; is `max_streams` meant?"
    );
}

#[test]
fn optional_values_are_written_plainly() {
    let config = layers::from_ron(r#"(auth: (token: "abc"), models_dir: "/srv/models")"#).unwrap();
    assert_eq!(config.auth.token.as_deref(), Some("abc"));
    assert_eq!(config.models_dir, Some(PathBuf::from("/srv/models")));
}

#[test]
fn all_values_out_of_range_are_named_at_once() {
    let config = Config { target_fps: 0.0, max_streams: 0, ..Config::default() };
    let fault = config.check().unwrap_err().to_string();
    assert!(fault.contains("target_fps") && fault.contains("max_streams"), "{fault}");
}

#[test]
fn an_origin_is_written_as_a_browser_writes_it() {
    let check = |origin: &str| {
        let auth = Auth { origins: vec![origin.to_owned()], ..Auth::default() };
        Config { auth, ..Config::default() }.check()
    };
    for origin in ["https://cms.example.org", "http://localhost:3000", "http://[::1]:8080"] {
        check(origin).unwrap();
    }
    for origin in
        ["cms.example.org", "https://cms.example.org/", "https://cms.example.org:443", "*", "null"]
    {
        let fault = check(origin).unwrap_err().to_string();
        assert!(fault.contains("auth.origins: expected one like https://"), "{fault}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = with(&[
        ("DETECTOR_TARGET_FPS", "2.5"),
        ("DETECTOR_AUTH_TOKEN", "12345"),
        ("DETECTOR_PROTOCOL_ERRORS", "false"),
        ("DETECTOR_LISTEN", "0.0.0.0:9000"),
        ("HOME", "/"),
    ])
    .unwrap();
    assert_eq!(config.target_fps, 2.5);
    assert_eq!(config.auth.token.as_deref(), Some("12345"));
    assert!(!config.protocol.errors);
    assert_eq!(config.listen, "0.0.0.0:9000");
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    let fault = with(&[("DETECTOR_TARGET_FSP", "5")]).unwrap_err().to_string();
    assert!(fault.contains("DETECTOR_TARGET_FPS"), "{fault}");
}

#[test]
fn a_wrong_variable_is_refused_without_its_value() {
    let fault = with(&[("DETECTOR_MAX_STREAMS", "hunter2")]).unwrap_err().to_string();
    assert!(fault.contains("DETECTOR_MAX_STREAMS") && fault.contains("32"), "{fault}");
    assert!(!fault.contains("hunter2"), "{fault}");
}

#[test]
fn a_value_out_of_range_is_told_with_the_line_it_stands_on() {
    assert_eq!(
        fault("config.ron", "(\n  limits: (\n    messages_per_second: 0,\n  ),\n)"),
        "config.ron:3: limits.messages_per_second: expected at least 1, found 0"
    );
    let fault = with(&[("DETECTOR_MAX_STREAMS", "0")]).unwrap_err().to_string();
    assert!(fault.starts_with("DETECTOR_MAX_STREAMS: max_streams: "), "{fault}");
}

#[test]
fn a_secret_of_the_wrong_type_is_refused_and_not_repeated() {
    for (name, text) in [
        ("config.ron", "(auth: (token: 271828))"),
        ("config.json", r#"{"auth": {"token": 271828}}"#),
    ] {
        let fault = fault(name, text);
        assert!(fault.contains("expected a text in quotes"), "{fault}");
        assert!(!fault.contains("271828"), "{fault}");
    }
}

#[test]
fn each_value_knows_who_has_set_it() {
    let (_folder, file) = written("config.ron", "(\n  target_fps: 5,\n  max_streams: 2,\n)");
    let flag = Flag {
        name: "--set limits.clients".to_owned(),
        path: "limits.clients".to_owned(),
        text: Secret::new("3"),
    };
    let loaded = Sources {
        file: Some(file.clone()),
        variables: variables(&[("DETECTOR_MAX_STREAMS", "4")]),
        flags: vec![flag],
    }
    .load()
    .unwrap();
    assert_eq!(loaded.origin("target_fps"), Origin::File { file, line: 2 });
    assert_eq!(loaded.origin("max_streams").to_string(), "DETECTOR_MAX_STREAMS");
    assert_eq!(loaded.origin("limits.clients").to_string(), "--set limits.clients");
    assert_eq!(loaded.origin("listen"), Origin::Default);
    assert_eq!((loaded.config.max_streams, loaded.config.limits.clients), (4, 3));
}

#[test]
fn the_old_workers_configuration_is_read() {
    let old = r#"{"poll_interval_ms": 200, "max_streams": 5, "target_fps": 10,
        "reconnect_interval_sec": 5, "max_retries": 3}"#;
    let (_folder, file) = written("config.json", old);
    let loaded = Sources { file: Some(file.clone()), ..Sources::default() }.load().unwrap();
    assert_eq!(loaded.config.frame_period(), Duration::from_millis(200));
    assert_eq!((loaded.config.max_streams, loaded.config.max_retries), (5, 3));
    assert_eq!(loaded.config.reconnect_interval_secs, 5.0);
    assert_eq!(loaded.origin("reconnect_interval_secs"), Origin::File { file, line: 2 });
}

#[test]
fn a_token_is_not_printed() {
    let auth = Auth { token: Some("hunter2".to_owned()), ..Auth::default() };
    assert!(!format!("{auth:?}").contains("hunter2"));
}

#[test]
fn addresses_that_may_be_opened_are_checked() {
    let mut config = Config::default();
    config.reach.cameras.schemes.push("gopher".to_owned());
    config.reach.cameras.hosts.push("a b".to_owned());
    config.reach.models.networks.push("10.0.0.0/99".to_owned());
    let fault = config.check().unwrap_err().to_string();
    for expected in [
        "reach.cameras.schemes: \"gopher\", expected some of rtsp, rtsps, http, https",
        "reach.cameras.hosts: \"a b\", expected a host's name or address, or *.NAME",
        "reach.models.networks: \"10.0.0.0/99\", expected an address or a network",
    ] {
        assert!(fault.contains(expected), "{fault}");
    }
}

#[test]
fn the_reach_of_a_configuration_is_the_default_one() {
    let config = Config::default();
    assert_eq!(config.reach.cameras(), Reach::cameras());
    assert_eq!(config.reach.models(), Reach::models());
}
