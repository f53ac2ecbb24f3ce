//! `error`: something a client said was not done.

use detector_components::command::Refusal;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Something was not done, or cannot go on.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(tag = "type", rename = "error", rename_all = "camelCase")]
pub struct Failure<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_identifier: Option<&'a str>,
}

/// Writes an `error`.
pub fn failure(refusal: &Refusal) -> Utf8Bytes {
    let failure = Failure {
        code: refusal.code.as_str(),
        message: &refusal.message,
        subscription_identifier: refusal.subscription.as_ref().map(|id| id.as_str()),
    };
    serde_json::to_string(&failure).expect("texts can always be written").into()
}

#[cfg(test)]
mod tests {
    use detector_components::command::RefusalCode;
    use detector_components::identity::SubscriptionId;

    use super::*;

    #[test]
    fn an_error_names_code_message_and_subscription() {
        let refusal = Refusal {
            code: RefusalCode::Conflict,
            message: "taken".to_owned(),
            subscription: Some(SubscriptionId::new("a;b")),
        };
        assert_eq!(
            failure(&refusal).as_str(),
            r#"{"type":"error","code":"conflict","message":"taken","subscriptionIdentifier":"a;b"}"#
        );
    }
}
