//! Where generations are published, and whence one catches up.

use std::path::Path;

use super::{Unfit, within};
use crate::config::Snapshots;

/// The first value of `[snapshots]` that is unfit.
pub(super) fn check(snapshots: &Snapshots) -> Result<(), Unfit> {
    within("snapshots.kept", snapshots.kept, 1..=100)?;
    within("snapshots.every_s", snapshots.every_s, 0..=86_400)?;
    // Commands may name a bucket themselves.
    let is_folder = snapshots.store.starts_with("file://");
    if !snapshots.store.is_empty() && !is_store(&snapshots.store) {
        return Err(Unfit::new(
            "snapshots.store",
            "an object store, as \"s3://BUCKET/PREFIX\" or \"file:///FOLDER\"",
            format!("{:?}", snapshots.store),
        ));
    }
    let endpoint = &snapshots.endpoint;
    let rest = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| endpoint.strip_prefix(scheme));
    if !endpoint.is_empty() && !rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        return Err(Unfit::new(
            "snapshots.endpoint",
            "an address, as \"https://HOST:PORT\"",
            format!("{endpoint:?}"),
        ));
    }
    if snapshots.key_id.is_empty() != snapshots.secret_file.is_none() {
        return Err(Unfit::new(
            "snapshots.secret_file",
            "a file with the secret of snapshots.key_id, or neither",
            if snapshots.key_id.is_empty() {
                "a secret without key_id"
            } else {
                "key_id without a secret"
            },
        ));
    }
    if is_folder && (!endpoint.is_empty() || !snapshots.key_id.is_empty()) {
        return Err(Unfit::new(
            "snapshots.store",
            "an \"s3://BUCKET/PREFIX\", because endpoint or key_id is set",
            format!("{:?}", snapshots.store),
        ));
    }
    Ok(())
}

fn is_store(store: &str) -> bool {
    let plain = !store.contains(['?', '#', '@', ' ']);
    let s3 = store.strip_prefix("s3://");
    let bucket = s3.map(|rest| rest.split('/').next().unwrap_or_default());
    let folder = store.strip_prefix("file://").map(Path::new);
    plain
        && (bucket.is_some_and(|bucket| bucket.len() >= 3)
            || folder.is_some_and(|folder| folder.is_absolute() && folder.parent().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(store: &str, with: impl FnOnce(&mut Snapshots)) -> Option<String> {
        let mut snapshots = Snapshots {
            store: store.into(),
            kept: 3,
            ..Snapshots::default()
        };
        with(&mut snapshots);
        check(&snapshots).err().map(|unfit| unfit.path)
    }

    #[test]
    fn stores_are_buckets_and_folders() {
        for store in ["", "s3://bucket", "s3://bucket/a/b", "file:///srv/generations"] {
            assert_eq!(said(store, |_| ()), None, "{store}");
        }
        for store in [
            "s3://",
            "s3://b",
            "file://relative",
            "file:///",
            "/srv",
            "gs://bucket",
            "s3://key:secret@bucket",
        ] {
            assert_eq!(said(store, |_| ()).as_deref(), Some("snapshots.store"), "{store}");
        }
    }

    #[test]
    fn a_key_has_a_secret_and_belongs_to_a_bucket() {
        let key = |snapshots: &mut Snapshots| snapshots.key_id = "id".into();
        assert_eq!(said("s3://bucket", key).as_deref(), Some("snapshots.secret_file"));
        let both = |snapshots: &mut Snapshots| {
            snapshots.key_id = "id".into();
            snapshots.secret_file = Some("secret".into());
        };
        assert_eq!(said("s3://bucket", both), None);
        assert_eq!(said("file:///srv", both).as_deref(), Some("snapshots.store"));
        let endpoint = |endpoint: &str| {
            let endpoint = endpoint.to_owned();
            said("s3://bucket", |snapshots| snapshots.endpoint = endpoint)
        };
        assert_eq!(endpoint("http://127.0.0.1:9000"), None);
        assert_eq!(endpoint("minio:9000").as_deref(), Some("snapshots.endpoint"));
        assert_eq!(
            said("", |snapshots| snapshots.kept = 0).as_deref(),
            Some("snapshots.kept")
        );
    }
}
