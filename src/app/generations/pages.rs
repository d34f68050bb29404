//! The administration's pages of generations: JSON in, JSON out.

use serde_json::{Value, json};

use super::{ActError, Generations};
use crate::callers::Call;
use crate::http::Page;

impl Generations {
    /// The page that `call` asks for; `None` where it is none of these.
    pub fn page(&self, call: &Call<'_>) -> Option<Page> {
        let path = call.trimmed_path();
        if call.method == "POST" {
            return self.perform(path, call.body).map(answered);
        }
        if path == "/generations" && call.is_get() {
            return Some(answered(self.list()));
        }
        let build = path.strip_prefix("/builds/")?.parse().ok()?;
        call.is_get().then(|| answered(self.build_page(build)))
    }

    fn build_page(&self, build: u64) -> Result<Value, ActError> {
        let doing = self.step().filter(|step| step.generation == build);
        if doing.is_none() && !self.line().builds.contains_key(&build) {
            return Err(ActError::NoBuild { build });
        }
        Ok(json!({"build": build, "doing": doing}))
    }
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
