//! The administration's pages of generations: JSON in, JSON out.

use serde_json::{Value, json};

use super::{ACTS, ActError, Generations};
use crate::callers::Call;
use crate::http::Page;

impl Generations {
    /// The page that `call` asks for; `None` where it is none of these.
    pub fn page(&self, call: &Call<'_>) -> Option<Page> {
        let path = call.trimmed_path();
        if ACTS.contains(&path) {
            if call.method != "POST" {
                return Some(answered(Err(ActError::Method("POST"))));
            }
            return self.perform(path, call.body).map(answered);
        }
        if path == "/generations" {
            return Some(answered(only_get(call).and_then(|()| self.list())));
        }
        let build = path.strip_prefix("/builds/")?.parse().ok()?;
        Some(answered(only_get(call).and_then(|()| self.build_page(build))))
    }

    fn build_page(&self, build: u64) -> Result<Value, ActError> {
        let doing = self.step().filter(|step| step.generation == build);
        if doing.is_none() && !self.line().builds.contains_key(&build) {
            return Err(ActError::NoBuild { build });
        }
        Ok(json!({"build": build, "doing": doing}))
    }
}

fn only_get(call: &Call<'_>) -> Result<(), ActError> {
    if call.is_get() {
        return Ok(());
    }
    Err(ActError::Method("GET, HEAD"))
}

fn answered(done: Result<Value, ActError>) -> Page {
    let (status, body) = match done {
        Ok(body) => (200, body),
        Err(error) => {
            if error.status() >= 500 {
                tracing::error!(%error, "an act on generations failed");
            }
            let body = json!({"error": {"code": error.code(), "message": error.to_string()}});
            (error.status(), body)
        }
    };
    Page {
        status,
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    }
}
