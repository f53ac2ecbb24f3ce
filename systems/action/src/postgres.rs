//! One PostgreSQL server: rows are written by their keys.
//!
//! A row that is sent twice is the same row, so one whose answer was lost is simply sent again.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use detector_components::action::{Origin, Outcome};
use detector_components::model::PostgresServer;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::{debug, info, warn};

use crate::courier::Away;
use crate::errand::{Command, Parcel, Row};
use crate::ledger::Ledger;
use crate::plugin::ActConfig;
use crate::server::Server;

/// The connection to one server.
pub struct PostgresLink {
    server: PostgresServer,
    tls_ca: Option<Bytes>,
    timeout: Duration,
    ledger: Ledger,
    client: Option<Client>,
}

impl PostgresLink {
    pub fn new(server: &PostgresServer, config: &ActConfig, ledger: &Ledger) -> Self {
        Self {
            server: server.clone(),
            tls_ca: config.tls_ca.clone(),
            timeout: config.timeout,
            ledger: ledger.clone(),
            client: None,
        }
    }

    /// Sends what is left of a parcel.
    pub async fn send(&mut self, parcel: &mut Parcel) -> Result<(), Away> {
        let sent = self.try_send(parcel).await;
        if sent.is_err() {
            self.client = None;
        }
        sent
    }

    async fn try_send(&mut self, parcel: &mut Parcel) -> Result<(), Away> {
        while let Some(command) = parcel.commands.front() {
            // Only rows are sent to this kind of server.
            if let Command::WriteRow(row) = command {
                let written = self.write(row).await?;
                let (kind, origin) = (command.kind(), &parcel.origin);
                match written {
                    Ok(()) => self.ledger.note(kind, origin, Outcome::Executed),
                    Err(fault) => {
                        let server = Server::Postgres(self.server.clone());
                        let Origin { subscription, model_name, node } = &**origin;
                        warn!(%server, table = %row.table, reason = fault,
                            subscription = %subscription, model = %model_name, %node,
                            "PostgreSQL refused a row");
                        self.ledger.note_why(kind, origin, Outcome::Refused, fault);
                    }
                }
            }
            parcel.commands.pop_front();
        }
        Ok(())
    }

    /// Writes a row, or says why the server does not want it.
    async fn write(&mut self, row: &Row) -> Result<Result<(), String>, Away> {
        let late = |_| Away("no answer in time".to_owned());
        let client = match &mut self.client {
            Some(client) => client,
            empty => {
                let opening = connect(&self.server, self.tls_ca.as_deref());
                empty.insert(timeout(self.timeout, opening).await.map_err(late)??)
            }
        };
        let (statement, values) = statement(row);
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        match timeout(self.timeout, client.execute(&statement, &values)).await.map_err(late)? {
            Ok(_) => Ok(Ok(())),
            Err(error) if is_away(&error) => Err(Away(reason(&error))),
            Err(error) => Ok(Err(reason(&error))),
        }
    }
}

async fn connect(server: &PostgresServer, tls_ca: Option<&[u8]>) -> Result<Client, Away> {
    let mut config = Config::new();
    config
        .host(&server.host)
        .port(server.port)
        .dbname(&server.database)
        .user(&server.username)
        .application_name("detector-worker");
    if let Some(password) = &server.password {
        config.password(password.expose());
    }
    let client = if server.tls {
        // Never in the clear, and never to somebody else.
        config.ssl_mode(SslMode::Require);
        let tls = MakeRustlsConnect::new(tls(tls_ca).map_err(Away)?);
        open(&config, tls).await
    } else {
        config.ssl_mode(SslMode::Disable);
        open(&config, NoTls).await
    };
    let client = client.map_err(|error| Away(reason(&error)))?;
    info!(server = %Server::Postgres(server.clone()), "connected to PostgreSQL");
    Ok(client)
}

async fn open<T>(config: &Config, tls: T) -> Result<Client, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    // It ends with the client, or with the connection; what waits for an answer is told.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%error, "a connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

/// Trusts those whose certificates are given, else those that the system trusts.
fn tls(ca: Option<&[u8]>) -> Result<ClientConfig, String> {
    // Whoever comes first installs it; they are all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut trusted = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| format!("actions.tls_ca: {error}"))?;
                trusted.add(certificate).map_err(|error| format!("actions.tls_ca: {error}"))?;
            }
        }
        None => {
            // What cannot be read of the system's is left out, as other programs do.
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if trusted.is_empty() {
        return Err("nobody is trusted to vouch for a server: see actions.tls_ca".to_owned());
    }
    Ok(ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth())
}

/// The statement that writes a row, and what goes into its places.
fn statement(row: &Row) -> (String, Vec<Text<'_>>) {
    let mut values = vec![Text(&row.key.1)];
    let mut names = vec![quoted(&row.key.0)];
    let mut places = vec!["$1".to_owned()];
    let mut updates = Vec::new();
    for (column, value) in &row.columns {
        let name = quoted(column);
        places.push(match value {
            None => "now()".to_owned(),
            Some(value) => {
                values.push(Text(value));
                format!("${}", values.len())
            }
        });
        updates.push(format!("{name} = EXCLUDED.{name}"));
        names.push(name);
    }
    let schema = row.schema.as_deref().map(|schema| format!("{}.", quoted(schema)));
    let statement = format!(
        "INSERT INTO {}{} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
        schema.unwrap_or_default(),
        quoted(&row.table),
        names.join(", "),
        places.join(", "),
        names[0],
        updates.join(", "),
    );
    (statement, values)
}

/// A name as SQL reads it without quotes, in lower case, and in quotes, so that it may be a word of
/// SQL's own. The archive was refused if it held anything but letters, digits and `_`.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.to_lowercase().replace('"', "\"\""))
}

/// A text that the server reads as whatever type its place has.
#[derive(Debug)]
struct Text<'a>(&'a str);

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Whether the server did not get to do it, rather than refusing it.
fn is_away(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else { return true };
    // Classes of SQLSTATE: connection, authorisation, transaction rollback, resources, operator.
    let transient = ["08", "28", "40", "53", "57"];
    transient.contains(&&state.code()[..2]) || *state == SqlState::INVALID_CATALOG_NAME
}

/// Why, without what was sent.
fn reason(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(fault) => format!("{}: {}", fault.code().code(), fault.message()),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_over_the_one_with_its_key() {
        let row = Row {
            schema: Some("gate".into()),
            table: "Cars".into(),
            key: ("session".into(), "7".to_owned()),
            columns: vec![
                ("order".into(), Some("x'; DROP TABLE cars; --".to_owned())),
                ("updated_at".into(), None),
            ],
        };
        let (statement, values) = statement(&row);
        assert_eq!(
            statement,
            "INSERT INTO \"gate\".\"cars\" (\"session\", \"order\", \"updated_at\") \
             VALUES ($1, $2, now()) ON CONFLICT (\"session\") \
             DO UPDATE SET \"order\" = EXCLUDED.\"order\", \"updated_at\" = EXCLUDED.\"updated_at\""
        );
        let values: Vec<_> = values.iter().map(|value| value.0).collect();
        assert_eq!(values, ["7", "x'; DROP TABLE cars; --"]);
    }
}
