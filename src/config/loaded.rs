//! A configuration together with how it came to be, so that it can be read again and compared.

use std::fmt;
use std::path::{Path, PathBuf};

use super::changes::{Change, changes};
use super::error::{ConfigError, Origin};
use super::tree::Node;
use super::{Config, PREFIX, check, decode, lay, of_variable};

/// A configuration, the file and the variables that it was read from, and who gave which value.
#[derive(Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
    tree: Node,
}

impl fmt::Debug for Loaded {
    /// Values may be keys and tokens, so that none is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Reads the defaults with `file` laid over them and then `env`, of which only variables that begin with
    /// `RINGSIDE__` count; see [`environment`](super::environment).
    ///
    /// # Errors
    /// The file cannot be read or is not TOML, or a key or value in it or in the environment is not known.
    pub fn read(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        // In the order of their names, so that the same environment always means the same: it has no order itself.
        let mut variables: Vec<_> = env.filter(|(variable, _)| variable.starts_with(PREFIX)).collect();
        variables.sort();
        Loaded::lay(file.map(Path::to_owned), variables)
    }

    /// Reads the same file again, and lays the same variables over it.
    ///
    /// # Errors
    /// As [`Loaded::read`].
    pub fn again(&self) -> Result<Loaded, ConfigError> {
        Loaded::lay(self.file.clone(), self.variables.clone())
    }

    fn lay(file: Option<PathBuf>, variables: Vec<(String, String)>) -> Result<Loaded, ConfigError> {
        let defaults = Node::parse(super::DEFAULTS, None)?;
        let mut tree = defaults.clone();
        if let Some(file) = &file {
            let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
                file: file.clone(),
                source,
            })?;
            lay(&mut tree, &defaults, Node::parse(&text, Some(file))?);
        }
        for (variable, value) in &variables {
            lay(&mut tree, &defaults, of_variable(variable, value, &defaults));
        }
        let config: Config = decode::decode(&tree)?;
        check::check(&config).map_err(|unfit| ConfigError::Invalid {
            origin: origin(&tree, &unfit.path),
            path: unfit.path,
            expected: unfit.expected,
            found: unfit.found,
        })?;
        let config = config.with_owner();
        Ok(Loaded {
            config,
            file,
            variables,
            tree,
        })
    }

    /// Who gave the value at `path`, such as `treatment[2].label`; of one that is not there, who gave what it is in.
    pub fn origin(&self, path: &str) -> Origin {
        origin(&self.tree, path)
    }

    /// The keys whose values `newer` has changed, in the order of their names, and what becomes of each.
    pub fn changes(&self, newer: &Loaded) -> Vec<Change> {
        changes(&self.tree, &newer.tree)
    }
}

fn origin(tree: &Node, path: &str) -> Origin {
    let mut path = path;
    loop {
        if let Some(node) = tree.at(path) {
            return node.origin.clone();
        }
        match path.rfind(['.', '[']) {
            Some(end) => path = &path[..end],
            None => return Origin::Default,
        }
    }
}
