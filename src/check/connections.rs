//! Who gets in, and what comes by itself.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;
use super::{Exam, Held, Miss, expect, shapes};

const GROUP: &str = "Connection";

impl Exam {
    /// Connects in every way that there is, and listens.
    pub(super) async fn connections(&mut self) {
        let held = self.both_paths().await;
        self.note(GROUP, "a client connects at / and at /ws", held);
        let held = self.token().await;
        self.note(GROUP, "the token is asked for", held);
        let held = self.heartbeats().await;
        self.note(GROUP, "heartbeats come by themselves", held);
        let held = self.requested().await;
        self.note(GROUP, "requestState is answered at once", held);
    }

    async fn both_paths(&mut self) -> Held {
        let mut other = Client::connect(&self.place, "/ws", self.patience).await?;
        other.report().await?;
        other.close().await;
        Ok(String::new())
    }

    async fn token(&mut self) -> Held {
        let Some(token) = self.place.token.clone() else {
            return Err(Miss::LeftOut("no --token was given".to_owned()));
        };
        for given in [None, Some("wrong")] {
            let answer = Client::try_connect(&self.place, "/", given, self.patience).await?;
            match answer {
                Err(401) => {}
                Err(status) => return Err(Miss::Failed(format!("{status}, expected 401"))),
                Ok(_) => return Err(Miss::Failed("a client gets in without it".to_owned())),
            }
        }
        let query: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let path = format!("/?token={query}");
        let by_query = Client::try_connect(&self.place, &path, None, self.patience).await?;
        expect(by_query.is_ok(), || "?token= does not let a browser in".to_owned())?;
        Ok("401 without it; as a header and as ?token= it lets in".to_owned())
    }

    async fn heartbeats(&mut self) -> Held {
        let is_report = |message: &Value| message["type"] == "stateReport";
        let mut times = Vec::new();
        for _ in 0..3 {
            let report = self.client.wait("heartbeat", is_report).await?;
            shapes::report(&report)?;
            times.push(Instant::now());
        }
        let every = (times[2] - times[0]).as_secs_f64() / 2.0;
        Ok(format!("one every {every:.1} s"))
    }

    /// More answers in a time than heartbeats alone would be.
    async fn requested(&mut self) -> Held {
        const ASKED: u32 = 6;
        let is_report = |message: &Value| message["type"] == "stateReport";
        self.client.wait("heartbeat", is_report).await?;
        let began = Instant::now();
        self.client.wait("heartbeat", is_report).await?;
        let interval = began.elapsed();
        let began = Instant::now();
        for _ in 0..ASKED {
            self.client.report().await?;
        }
        let took = began.elapsed();
        expect(took < interval * ASKED / 2, || {
            format!("{ASKED} answers took {took:.1?}, as long as heartbeats every {interval:.1?}")
        })?;
        Ok(format!("within {:.0?}", (took / ASKED).max(Duration::from_millis(1))))
    }
}
