use std::path::PathBuf;

use detector_reach::Reach;

use super::*;

const DOCUMENTED: &str = include_str!("../../config.ron");

fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, text)| (name.to_string(), text.to_string()));
    layers::with_environment(Config::default(), variables)
}

#[test]
fn the_documented_configuration_is_the_default() {
    assert_eq!(layers::from_ron(DOCUMENTED).unwrap(), Config::default());
}

#[test]
fn every_field_is_documented() {
    let fields = serde_json::to_value(Config::default()).unwrap();
    let mut pending: Vec<_> = fields.as_object().unwrap().iter().collect();
    while let Some((name, value)) = pending.pop() {
        assert!(DOCUMENTED.contains(&format!("{name}:")), "config.ron lacks {name}");
        pending.extend(value.as_object().into_iter().flatten());
    }
}

#[test]
fn the_default_is_usable() {
    Config::default().check().unwrap();
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_name_and_its_place() {
    let fault = layers::from_ron("(\n  target_fsp: 5,\n)").unwrap_err();
    assert!(fault.starts_with("line 2"), "{fault}");
    assert!(fault.ends_with("is `target_fps` meant?"), "{fault}");
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
fn the_old_workers_configuration_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let old = r#"{"poll_interval_ms": 200, "max_streams": 5, "target_fps": 10,
        "reconnect_interval_sec": 5, "max_retries": 3}"#;
    std::fs::write(&file, old).unwrap();
    let config = Config::load(Some(&file), []).unwrap();
    assert_eq!(config.frame_period(), Duration::from_millis(200));
    assert_eq!((config.max_streams, config.max_retries), (5, 3));
    assert_eq!(config.reconnect_interval_secs, 5.0);
}

#[test]
fn a_token_is_not_printed() {
    let auth = Auth { token: Some("hunter2".to_owned()) };
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
