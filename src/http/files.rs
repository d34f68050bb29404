//! How many files this process may have open, and how many of those connections may be.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept for what is no connection of a caller: snapshots, change logs, feeds, listeners, runtimes, and
/// connections that are about to be refused.
pub(super) const RESERVED: usize = 512;

/// Raises the limit on open files as far as this user may, and gives what it is then.
pub(super) fn raised_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit on open files stays as it is");
        }
    }
    getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// The most connections of `wanted` that `limit` open files allow beside those of the administration.
pub(super) fn connections_max(wanted: usize, administration: usize, limit: usize) -> usize {
    let reserved = RESERVED + administration;
    // Where the limit is absurdly small, some of it still has to be callers'.
    let possible = limit.saturating_sub(reserved).max(limit / 4).max(1);
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            open_files = limit,
            "http.connections_max is more than the limit on open files allows, so that fewer connections are taken; \
             raise the limit (LimitNOFILE= of the service) to http.connections_max + admin.connections_max + {RESERVED} \
             at the least, or lower http.connections_max"
        );
    }
    wanted.min(possible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_take_the_last_descriptor() {
        assert_eq!(connections_max(16_384, 64, 1 << 20), 16_384);
        assert_eq!(connections_max(16_384, 64, usize::MAX), 16_384);
        assert_eq!(connections_max(16_384, 64, 1024), 1024 - RESERVED - 64);
        assert_eq!(connections_max(16_384, 64, 256), 64);
        assert_eq!(connections_max(16_384, 64, 0), 1);
    }

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        let limit = raised_limit();
        assert_eq!(
            getrlimit(Resource::Nofile).current,
            getrlimit(Resource::Nofile).maximum
        );
        assert_eq!(raised_limit(), limit);
    }
}
