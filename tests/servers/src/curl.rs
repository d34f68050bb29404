//! curl, as the libraries of telephone systems use it.

use std::process::Command;

/// What curl made of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// curl's exit code: 0 where something was answered.
    pub exit: i32,
    /// The status; 0 where nothing was answered.
    pub status: u16,
    /// Head lines of the answer, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Fetched {
    /// The value of the head's field `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key == name).then(|| value.trim())
        })
    }

    /// The body, which is JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs curl with `arguments`, for one request.
pub fn curl(arguments: &[&str]) -> Fetched {
    let output = Command::new("curl")
        .args(["--silent", "--include", "--disable"])
        .args(arguments)
        .env_clear()
        .output()
        .unwrap_or_else(|error| panic!("curl: {error}; tests/servers/install/callers.sh installs it"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // What is ahead of a `100 Continue` is no answer.
    let text = match text.strip_prefix("HTTP/1.1 100") {
        Some(rest) => rest.split_once("\r\n\r\n").map_or("", |(_, rest)| rest),
        None => &text,
    };
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Fetched {
        exit: output.status.code().unwrap_or(-1),
        status: status.unwrap_or(0),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}
