//! Why no server of a replica set suits: each is asked by itself, since the driver passes over those that are not of the set
//! and says no more than that none is left.

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, ServerAddress};

use super::server::standalone;
use crate::feed::source::SourceError;

/// What is the matter, where no server that `options` name was to be had and `error` was told.
pub(super) async fn of(options: &ClientOptions, error: SourceError) -> SourceError {
    if !matches!(error, SourceError::Away(_)) {
        return error;
    }
    let expected = options.repl_set_name.as_deref();
    let told = join_all(options.hosts.iter().map(|host| hello(options, host))).await;
    let unfit = told
        .iter()
        .flatten()
        .find_map(|hello| unfit(expected, hello))
        .map(SourceError::Unfit);
    unfit.unwrap_or(error)
}

/// What one server says of itself; `None` where it does not answer.
async fn hello(options: &ClientOptions, host: &ServerAddress) -> Option<Document> {
    let mut alone = options.clone();
    alone.hosts = vec![host.clone()];
    alone.repl_set_name = None;
    alone.direct_connection = Some(true);
    let client = Client::with_options(alone).ok()?;
    let told = client.database("admin").run_command(doc! {"hello": 1}).await;
    client.shutdown().immediate(true).await;
    told.ok()
}

/// Why a server that says `hello` is none of the set called `expected`; `None` where it is, or no name is expected.
fn unfit(expected: Option<&str>, hello: &Document) -> Option<String> {
    match (hello.get_str("setName"), expected) {
        (Ok(found), Some(expected)) if found != expected => Some(format!(
            "mongodb.uri: expected replicaSet={found}, as its servers call their set, found replicaSet={expected}; correct it"
        )),
        (Ok(_), _) => None,
        (Err(_), _) if hello.get_bool("isreplicaset").unwrap_or(false) => Some(
            "expected a replica set, found a server whose set has not begun: run rs.initiate() on it once"
                .into(),
        ),
        (Err(_), _) => Some(standalone(
            hello.get_str("msg").is_ok_and(|word| word == "isdbgrid"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_none_of_the_set_is_told_what_to_do() {
        let why = |expected, hello: Document| unfit(expected, &hello).unwrap_or_default();
        assert_eq!(why(Some("rs0"), doc! {"setName": "rs0"}), "");
        assert_eq!(why(None, doc! {"setName": "rs0"}), "");
        assert!(why(Some("rs1"), doc! {"setName": "rs0"}).contains("expected replicaSet=rs0"));
        assert!(why(None, doc! {"isreplicaset": true}).contains("rs.initiate()"));
        assert!(why(Some("rs0"), doc! {"ok": 1}).contains("--replSet"));
        assert!(why(Some("rs0"), doc! {"msg": "isdbgrid"}).contains("sharded"));
    }

    #[tokio::test]
    async fn what_is_known_already_is_not_asked_for() {
        let known = SourceError::Unfit("known".into());
        assert_eq!(of(&ClientOptions::default(), known.clone()).await, known);
    }
}
