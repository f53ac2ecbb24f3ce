//! Which logins are known to be wrong, among all cameras of this process.
//!
//! A recorder shows many cameras at one address, with one account. Were each of them to try a wrong
//! password for itself, the account would be locked at once. So a login that nobody has tried is tried
//! by one of them while the others wait, and one that was refused is not tried by any of them for a
//! while.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use url::Url;

/// How long a login that was refused is not tried by anybody. Each camera waits as long or longer.
const REFUSED_FOR: Duration = Duration::from_secs(2 * 60);
/// The longest that others wait for whoever tries.
const TRIED_FOR: Duration = Duration::from_secs(10);
/// Logins that are remembered.
const MAX_KNOWN: usize = 4_096;

/// What is known of logins. All clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    standings: Mutex<HashMap<Account, Standing>>,
    hasher: RandomState,
}

/// A login at a host, whatever the port and the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    host: String,
    user: String,
    /// A hash that means nothing outside this process.
    password: u64,
}

#[derive(Clone, Copy, Debug)]
enum Standing {
    /// Somebody tries it, since then.
    Tried(Instant),
    Right,
    /// It was refused then.
    Wrong(Instant),
}

/// Whether a login may be shown to its camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Yes. [`Accounts::settle`] is to be called with what comes of it.
    Granted,
    /// Another camera tries it: ask again in a moment.
    Wait,
    /// No: it was refused a short while ago.
    Refused,
}

impl Accounts {
    /// The account of an address.
    pub fn of(&self, url: &Url) -> Account {
        Account {
            host: url.host_str().unwrap_or_default().to_owned(),
            user: url.username().to_owned(),
            password: self.0.hasher.hash_one(url.password()),
        }
    }

    /// Asks whether a login may be shown.
    pub fn ask(&self, account: &Account) -> Leave {
        let mut standings = self.standings();
        match standings.get(account) {
            Some(Standing::Right) => return Leave::Granted,
            Some(Standing::Tried(since)) if since.elapsed() < TRIED_FOR => return Leave::Wait,
            Some(Standing::Wrong(at)) if at.elapsed() < REFUSED_FOR => return Leave::Refused,
            _ => {}
        }
        if standings.len() >= MAX_KNOWN {
            standings.retain(
                |_, standing| matches!(standing, Standing::Wrong(at) if at.elapsed() < REFUSED_FOR),
            );
        }
        // Where thousands are wrong, each camera counts for itself.
        if standings.len() < MAX_KNOWN {
            standings.insert(account.clone(), Standing::Tried(Instant::now()));
        }
        Leave::Granted
    }

    /// Says what came of showing a login. None: nobody knows, as the camera did not answer.
    pub fn settle(&self, account: &Account, right: Option<bool>) {
        let mut standings = self.standings();
        let Some(standing) = standings.get_mut(account) else { return };
        match right {
            Some(true) => *standing = Standing::Right,
            Some(false) => *standing = Standing::Wrong(Instant::now()),
            None if matches!(standing, Standing::Tried(_)) => {
                standings.remove(account);
            }
            None => {}
        }
    }

    fn standings(&self) -> MutexGuard<'_, HashMap<Account, Standing>> {
        // Held to look one account up.
        self.0.standings.lock().expect("never held across a panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_tried_by_one_and_refused_for_all() {
        let accounts = Accounts::default();
        let url = |text| Url::parse(text).unwrap();
        let account = accounts.of(&url("http://admin:wrong@nvr/ch1"));
        assert_eq!(account, accounts.of(&url("rtsp://admin:wrong@nvr:554/ch2")));
        assert_eq!(accounts.ask(&account), Leave::Granted);
        assert_eq!(accounts.ask(&account), Leave::Wait);
        accounts.settle(&account, Some(false));
        assert_eq!(accounts.ask(&account), Leave::Refused);
        for other in ["http://admin:right@nvr/", "http://root:wrong@nvr/", "http://admin:wrong@b/"]
        {
            assert_eq!(accounts.ask(&accounts.of(&url(other))), Leave::Granted, "{other}");
        }
    }

    #[test]
    fn a_right_login_holds_nobody_up() {
        let accounts = Accounts::default();
        let account = accounts.of(&Url::parse("http://admin:right@nvr/").unwrap());
        assert_eq!(accounts.ask(&account), Leave::Granted);
        accounts.settle(&account, Some(true));
        assert_eq!([accounts.ask(&account), accounts.ask(&account)], [Leave::Granted; 2]);
    }

    #[test]
    fn a_camera_that_does_not_answer_says_nothing_of_its_login() {
        let accounts = Accounts::default();
        let account = accounts.of(&Url::parse("http://admin:right@nvr/").unwrap());
        accounts.ask(&account);
        accounts.settle(&account, None);
        assert_eq!(accounts.ask(&account), Leave::Granted);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let accounts = Accounts::default();
        for number in 0..3 * MAX_KNOWN {
            let account = accounts.of(&Url::parse(&format!("http://u:{number}@host/")).unwrap());
            assert_eq!(accounts.ask(&account), Leave::Granted);
            accounts.settle(&account, Some(false));
        }
        assert_eq!(accounts.standings().len(), MAX_KNOWN);
    }
}
