//! The master key is changed while the service runs, and which one opens the database afterwards.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::{AuthService, Credentials, Service};
use serde_json::json;

/// 32 bytes in base64, for keys that an operator keeps himself.
const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECOND: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn write_privately(path: &Path, text: &str) -> PathBuf {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_path_buf()
}

/// A token service with a client that gets tokens for the admin API.
struct Site {
    auth: AuthService,
    admin: Credentials,
    folder: tempfile::TempDir,
}

impl Site {
    /// With its master key in its own file.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        let admin = auth.make_administrator("admin");
        Self { auth, admin, folder }
    }

    /// With the master key `FIRST` in its environment.
    fn start_with_a_key_of_ones_own() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Service::start("auth-service", |port| {
            let mut command = AuthService::serve(folder.path(), port);
            let _ = command.env("AUTH_MASTER_KEY", FIRST);
            command
        });
        let auth = AuthService::with_process(process, folder.path());
        let admin = auth.make_administrator("admin");
        Self { auth, admin, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Tokens can be had, and are accepted here.
    fn works(&self) {
        let _ = self.auth.admin(&self.admin).get("/keys").expect(200);
    }

    /// Stops the service and starts it again where `command` says how; what it said where it cannot.
    fn restart(self, adjust: impl Fn(&mut Command)) -> Result<Self, String> {
        let Self { auth, admin, folder } = self;
        let port = auth.process.port;
        assert!(auth.process.stop().0.success());
        let mut command = AuthService::serve(folder.path(), port);
        adjust(&mut command);
        let process = Service::start_on("auth-service", port, command)?;
        Ok(Self { auth: AuthService::with_process(process, folder.path()), admin, folder })
    }

    /// A command on the data, with more settings.
    fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
        let mut command = AuthService::command_line(self.folder.path(), arguments);
        binary::run(command.envs(settings.iter().copied()))
    }
}

#[test]
fn the_master_key_is_changed_under_a_running_service_which_notices_nothing() {
    let site = Site::start();
    site.works();
    let old = std::fs::read_to_string(site.file("master.key")).unwrap();
    let said = site.run(&["keys", "rewrap"], &[]).well();
    assert!(said.stdout.contains("signing keys sealed anew: 1") && said.stdout.contains("master.key"), "{said:#?}");
    assert_ne!(std::fs::read_to_string(site.file("master.key")).unwrap(), old);
    assert_eq!(site.file("master.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!site.file("master.key.next").exists());
    site.works();
    // It makes keys under the new master key from now on, and so opens them after a restart.
    let next = site.auth.admin(&site.admin).post("/keys/rotate", &json!({"now": true})).expect(201).text("kid");
    site.works();
    let site = site.restart(|_| ()).unwrap_or_else(|log| panic!("{log}"));
    site.works();
    assert!(site.auth.jwks().to_string().contains(&next));
    // With the old one, the start says what is wrong.
    let new = std::fs::read_to_string(site.file("master.key")).unwrap();
    write_privately(&site.file("master.key"), &old);
    let Err(log) = site.restart(|_| ()) else { panic!("it started with the old master key") };
    assert!(log.contains("after `keys rewrap` the new one"), "{log}");
    assert!(!log.contains(old.trim()) && !log.contains(new.trim()), "{log}");
}

#[test]
fn an_operator_who_keeps_the_master_key_himself_changes_it_by_a_file_and_a_restart() {
    let site = Site::start_with_a_key_of_ones_own();
    site.works();
    let new = write_privately(&site.file("new.key"), SECOND);
    let new = new.to_str().unwrap();
    let mine = [("AUTH_MASTER_KEY", FIRST)];
    let refused = site.run(&["keys", "rewrap"], &mine);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("--new-master-key-file"), "{refused:#?}");
    let said = site.run(&["keys", "rewrap", "--new-master-key-file", new], &mine).well().stdout;
    assert!(said.contains(&format!("AUTH_MASTER_KEY_FILE={new}")), "{said}");
    assert!(!site.file("master.key").exists(), "a file of the service's own is none of its business");
    // The running process signs with the keys that it has, and adds none that nobody could open.
    site.works();
    let _ = site.auth.admin(&site.admin).post("/keys/rotate", &json!({"now": true})).expect(500);
    assert_eq!(site.auth.admin(&site.admin).get("/keys").expect(200).json()["keys"].as_array().map(Vec::len), Some(1));
    let site = site
        .restart(|command| {
            let _ = command.env("AUTH_MASTER_KEY_FILE", new);
        })
        .unwrap_or_else(|log| panic!("{log}"));
    site.works();
    let _ = site.auth.admin(&site.admin).post("/keys/rotate", &json!({"now": true})).expect(201);
    site.works();
}

#[test]
fn a_new_master_key_that_is_none_is_refused_and_the_present_one_stays() {
    let site = Site::start();
    let before = std::fs::read_to_string(site.file("master.key")).unwrap();
    write_privately(&site.file("half.key"), &SECOND[..20]);
    write_privately(&site.file("same.key"), &before);
    write_privately(&site.file("open.key"), SECOND);
    std::fs::set_permissions(site.file("open.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    for (file, words) in [
        ("missing.key", "missing.key"),
        ("half.key", "holds no master key"),
        ("open.key", "chmod 600"),
        ("same.key", "the new master key is the present one"),
    ] {
        let refused = site.run(&["keys", "rewrap", "--new-master-key-file", site.file(file).to_str().unwrap()], &[]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{file}: {refused:#?}");
        assert!(refused.stderr.contains(words), "{file}: {refused:#?}");
        assert_eq!(std::fs::read_to_string(site.file("master.key")).unwrap(), before, "{file}");
    }
    let site = site.restart(|_| ()).unwrap_or_else(|log| panic!("{log}"));
    site.works();
}
