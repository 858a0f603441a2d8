//! The program, as a user runs it.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use super::{Database, PATIENCE, Server};

/// The configuration of most tests.
pub(crate) const WORLD: &str = include_str!("world.toml");

/// The server's secret.
pub(crate) const SECRET: &str = "the secret of the integration tests";

/// The program with its settings, all of them given here: none comes from whoever runs the tests.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The database that it uses.
    pub(crate) database: Database,
    settings: BTreeMap<String, String>,
    around: Vec<String>,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit status.
    pub(crate) status: i32,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
}

impl Program {
    /// On this database, listening on a free port.
    pub(crate) fn new(database: &Database) -> Self {
        let settings = [
            ("COUNTERSIGN_DATABASE_URL", database.url()),
            ("COUNTERSIGN_LISTEN", "127.0.0.1:0"),
            ("COUNTERSIGN_SECRET", SECRET),
            ("COUNTERSIGN_LOG", "info"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { database: database.clone(), settings, around: Vec::new() }
    }

    /// With a setting, as an environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Run by another program, which gets the whole command as its last arguments.
    pub(crate) fn run_by(mut self, around: &[&str]) -> Self {
        self.around = around.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Without a setting.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let words: Vec<_> =
            self.around.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_countersign")]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_"))
        {
            command.env_remove(name);
        }
        command.args(arguments).envs(&self.settings).current_dir(self.database.folder()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        let output = self.command(arguments).output().unwrap();
        Done {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs `apply` on a file with this text.
    pub(crate) fn apply(&self, configuration: &str) -> Done {
        let path = self.database.folder().join("world.toml");
        fs::write(&path, configuration).unwrap();
        self.run(&["apply", path.to_str().unwrap()])
    }

    /// Starts `serve`, and waits until it answers.
    #[track_caller]
    pub(crate) fn serve(&self) -> Server {
        let log_path = self.database.folder().join("serve.log");
        let log = File::options().create(true).append(true).open(&log_path).unwrap();
        let mut child = self.command(&["serve"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (told, heard) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The test may have ended; the pipe is read on, lest the program blocks.
                let _ = told.send(line);
            }
        });
        let line = heard.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("serve did not say that it listens:\n{}", fs::read_to_string(&log_path).unwrap());
        });
        let address =
            line.strip_prefix("listening on http://").expect("the line says where").parse().unwrap();
        Server::new(self.clone(), child, address)
    }
}

impl Done {
    /// What it printed, given that all went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout
    }

    /// What it complained about, given that it failed with this exit status.
    #[track_caller]
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!((self.status, self.stdout.as_str()), (status, ""), "{}", self.stderr);
        self.stderr
    }
}
