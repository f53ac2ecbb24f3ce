//! The HTTP side: pictures, health, numbers, the page.

use anyhow::Context;
use detector_picture::decode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client as Http, Method, RequestBuilder, Response};

use super::props::Props;
use super::{Exam, Held, Miss, expect};
use crate::http;

const GROUP: &str = "HTTP";
/// Requests that are made at the same time.
const AT_ONCE: usize = 8;
/// A new frame may come between two requests: how often the same picture is asked for again.
const CONDITIONAL_TRIES: usize = 30;

impl Exam {
    /// Asks for everything that there is at the port, while a subscription runs.
    pub(super) async fn pictures(&mut self, props: &Props, id: &str) {
        let http = http::client();
        let path = format!("/camera/{}/image", id.replace(';', "%3B"));
        let held = self.image(&http, &path).await;
        self.note(GROUP, "a subscription's picture", held);
        let held = self.image(&http, "/camera/one/image").await;
        self.note(GROUP, "a camera's picture", held);
        let held = self.image(&http, &format!("{path}?annotated=1")).await;
        self.note(GROUP, "a picture with its detections", held);
        let held = self.unchanged(&http, &path).await;
        self.note(GROUP, "an unchanged picture is not sent again", held);
        let held = self.head(&http, &path).await;
        self.note(GROUP, "HEAD", held);
        let held = self.many(&http, &path).await;
        self.note(GROUP, "several at once", held);
        let held = self.status(&http, "/camera/no-such/image", 404).await;
        self.note(GROUP, "an unknown camera", held);
        for (name, path) in [("alive", "/healthz"), ("ready", "/readyz")] {
            let held = self.status(&http, path, 200).await;
            self.note(GROUP, name, held);
        }
        let held = self.metrics(&http, props).await;
        self.note(GROUP, "metrics", held);
        let held = self.state(&http, props, id).await;
        self.note(GROUP, "the state", held);
        let held = self.page(&http).await;
        self.note(GROUP, "the page in a browser", held);
        let held = self.http_token(&http, &path).await;
        self.note(GROUP, "the token is asked for", held);
    }

    fn request(&self, http: &Http, method: Method, path: &str) -> RequestBuilder {
        let request = http.request(method, self.place.http(path)).timeout(self.patience);
        match &self.place.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get(&self, http: &Http, path: &str) -> Result<Response, Miss> {
        send(self.request(http, Method::GET, path)).await
    }

    async fn image(&self, http: &Http, path: &str) -> Held {
        let response = self.get(http, path).await?;
        has_status(&response, 200)?;
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        expect(header(CONTENT_TYPE.as_str()) == "image/jpeg", || {
            format!("Content-Type: expected image/jpeg, found {}", header(CONTENT_TYPE.as_str()))
        })?;
        for name in [ETAG.as_str(), LAST_MODIFIED.as_str(), "x-frame-age-ms", "x-frame-sequence"] {
            expect(!header(name).is_empty(), || format!("there is no header {name}"))?;
        }
        let age = header("x-frame-age-ms").to_owned();
        let bytes = response.bytes().await.context("reading a picture")?;
        let size = decode(&bytes).context("decoding a picture")?.size();
        Ok(format!("{} x {} pixels, {age} ms old", size.width, size.height))
    }

    async fn unchanged(&self, http: &Http, path: &str) -> Held {
        for _ in 0..CONDITIONAL_TRIES {
            let first = self.get(http, path).await?;
            let tag = first.headers().get(ETAG).cloned();
            let tag = tag.ok_or_else(|| Miss::Failed("there is no ETag".to_owned()))?;
            let request = self.request(http, Method::GET, path).header(IF_NONE_MATCH, tag);
            if send(request).await?.status() == 304 {
                return Ok("304".to_owned());
            }
        }
        Err(Miss::Failed(format!("{CONDITIONAL_TRIES} times a new picture, never 304")))
    }

    async fn head(&self, http: &Http, path: &str) -> Held {
        let response = send(self.request(http, Method::HEAD, path)).await?;
        has_status(&response, 200)?;
        expect(response.headers().contains_key(ETAG), || "there is no ETag".to_owned())?;
        let body = response.bytes().await.context("reading an answer")?;
        expect(body.is_empty(), || format!("{} bytes, expected none", body.len()))?;
        Ok(String::new())
    }

    async fn many(&self, http: &Http, path: &str) -> Held {
        let requests = (0..AT_ONCE).map(|_| self.get(http, path));
        for response in futures_util::future::join_all(requests).await {
            has_status(&response?, 200)?;
        }
        Ok(format!("{AT_ONCE} answered"))
    }

    async fn status(&self, http: &Http, path: &str, expected: u16) -> Held {
        has_status(&self.get(http, path).await?, expected)?;
        Ok(expected.to_string())
    }

    async fn text(&self, http: &Http, path: &str, props: &Props) -> Result<String, Miss> {
        let response = self.get(http, path).await?;
        has_status(&response, 200)?;
        let text = response.text().await.context("reading an answer")?;
        expect(!text.contains(&props.secret), || "it repeats a credential".to_owned())?;
        Ok(text)
    }

    async fn metrics(&self, http: &Http, props: &Props) -> Held {
        let text = self.text(http, "/metrics", props).await?;
        let metrics = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        expect(metrics > 0, || "expected Prometheus' text format".to_owned())?;
        Ok(format!("{metrics} of them"))
    }

    async fn state(&self, http: &Http, props: &Props, id: &str) -> Held {
        let text = self.text(http, "/state", props).await?;
        let state: serde_json::Value = serde_json::from_str(&text).context("the state")?;
        expect(state.is_object() && text.contains(id), || {
            "expected an object that has the subscription".to_owned()
        })?;
        Ok(format!("{} bytes of JSON", text.len()))
    }

    async fn page(&self, http: &Http) -> Held {
        let request = self.request(http, Method::GET, "/").header(ACCEPT, "text/html");
        let response = send(request).await?;
        has_status(&response, 200)?;
        let text = response.text().await.context("reading the page")?;
        expect(text.trim_start().to_lowercase().starts_with("<!doctype html"), || {
            "expected HTML".to_owned()
        })?;
        Ok(String::new())
    }

    async fn http_token(&self, http: &Http, path: &str) -> Held {
        if self.place.token.is_none() {
            return Err(Miss::LeftOut("no --token was given".to_owned()));
        }
        let without = |path: &str| http.get(self.place.http(path)).timeout(self.patience);
        has_status(&send(without(path)).await?, 401)?;
        has_status(&send(without("/healthz")).await?, 200)?;
        Ok("for all but health".to_owned())
    }
}

async fn send(request: RequestBuilder) -> Result<Response, Miss> {
    let answered = request.send().await.map_err(reqwest::Error::without_url);
    Ok(answered.context("asking the worker")?)
}

fn has_status(response: &Response, expected: u16) -> Result<(), Miss> {
    let status = response.status();
    expect(status == expected, || format!("{status}, expected {expected}"))
}
