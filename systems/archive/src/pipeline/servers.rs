//! Where the actions of a pipeline go.

use detector_components::model::{PostgresServer, RedisServer};

use super::fields::Fields;

/// Reads `redis`. None when it is wrong: the fields say where.
pub fn redis(fields: &mut Fields) -> Option<RedisServer> {
    let host = fields.required_text("host");
    let port = port(fields);
    let username = fields.text("username");
    let password = fields.secret("password");
    let db = fields.whole("db", 0, i64::from(i32::MAX)).unwrap_or(0);
    let tls = fields.flag("tls").unwrap_or(false);
    Some(RedisServer { host: host?, port: port?, username, password, db, tls })
}

/// Reads `postgresql`. None when it is wrong: the fields say where.
pub fn postgres(fields: &mut Fields) -> Option<PostgresServer> {
    let host = fields.required_text("host");
    let port = port(fields);
    let database = fields.required_text("database");
    let username = fields.required_text("username");
    let password = fields.secret("password");
    let tls = fields.flag("tls").unwrap_or(false);
    Some(PostgresServer {
        host: host?,
        port: port?,
        database: database?,
        username: username?,
        password,
        tls,
    })
}

fn port(fields: &mut Fields) -> Option<u16> {
    if fields.is_absent("port") {
        let path = fields.path("port");
        fields.fault(&format!("{path}: missing"));
    }
    fields.whole("port", 1, 65_535).and_then(|port| u16::try_from(port).ok())
}
