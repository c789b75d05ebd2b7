//! The running world that most tests share: an auth-service with an administrator, a guarded mcp-hr,
//! the roles of the seed and narrower ones. Owns its start and its end.

use std::ops::Deref;
use std::sync::{Arc, Mutex, Weak};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin::AdminApi;
use crate::auth::{AuthService, Credentials};
use crate::editor::Editor;
use crate::hr::HrServer;
use crate::mcp::{Caller, Era};
use crate::person::Person;

/// The roles of every world: the seed's three, and one for each narrower way to be allowed something
/// at HR. `Outsider` may do everything, elsewhere.
pub const ROLES: [(&str, &str); 9] = [
    ("Manager", "hr:* project:* crm:*"),
    ("AssistantManager", "hr:* project:*"),
    ("Officer", "hr:*"),
    ("Reader", "hr:read"),
    ("Writer", "hr:write"),
    ("LeaveClerk", "hr:create_leave_request"),
    ("LookUp", "hr:get_employee_records hr:get_hr_summary"),
    ("Registrar", "hr:read hr:add_employee_record"),
    ("Outsider", "project:* crm:*"),
];

/// A running auth-service and a running mcp-hr that trusts it.
#[derive(Debug)]
pub struct World {
    /// The token service.
    pub auth: AuthService,
    /// The guarded server.
    pub hr: HrServer,
    /// A client with the role `admin`.
    pub administrator: Credentials,
    // The last to go: the processes above have their data here.
    _folder: TempDir,
}

impl World {
    /// Starts a world of its own, for a test that changes what others rely on.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        let hr = HrServer::start(folder.path(), &auth.issuer);
        let administrator = auth.make_administrator("admin");
        let world = Self { auth, hr, administrator, _folder: folder };
        let admin = world.admin();
        admin.set_resource("hr", &world.hr.manifest());
        for (role, scope) in ROLES {
            admin.set_role(role, scope);
        }
        world
    }

    /// The world that the tests of one file share: started by the first, ended by the last that uses
    /// it. A static would outlive the tests and leave its processes behind; this one is only lent.
    #[must_use]
    pub fn shared() -> Shared {
        static LENT: Mutex<Weak<World>> = Mutex::new(Weak::new());
        // A test that failed while it started the world says so itself.
        let mut lent = LENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(world) = lent.upgrade() {
            return Shared(world);
        }
        let world = Arc::new(Self::start());
        *lent = Arc::downgrade(&world);
        Shared(world)
    }

    /// The admin API with all that an administrator may do.
    #[must_use]
    pub fn admin(&self) -> AdminApi<'_> {
        self.auth.admin(&self.administrator)
    }

    /// A new client with these roles.
    #[must_use]
    pub fn client(&self, roles: &[&str]) -> Credentials {
        self.admin().client_with_roles(roles)
    }

    /// A token for HR of a new client with these roles, narrowed to `scope` where that is not empty.
    #[must_use]
    pub fn hr_token(&self, roles: &[&str], scope: &str) -> String {
        let client = self.client(roles);
        self.auth.token(&client, &[("resource", &self.hr.resource), ("scope", scope)])
    }

    /// A new person with these roles, named after the test that asks for one.
    #[must_use]
    pub fn person(&self, username: &str, roles: &[&str]) -> Person {
        Person::register(&self.admin(), username, roles)
    }

    /// A new editor that wants to use HR.
    #[must_use]
    pub fn editor(&self) -> Editor<'_> {
        self.editor_with(&json!({}))
    }

    /// A new editor that wants to use HR, registered with more members.
    #[must_use]
    pub fn editor_with(&self, more: &Value) -> Editor<'_> {
        Editor::register(&self.auth, &self.admin(), &self.hr.resource, more)
    }

    /// A caller of HR with a token.
    #[must_use]
    pub fn hr_caller(&self, token: &str) -> Caller<'_> {
        Caller::new(&self.hr.http, &self.hr.resource, Some(token), Era::July2026)
    }

    /// A caller of HR without any token.
    #[must_use]
    pub fn stranger(&self, era: Era) -> Caller<'_> {
        Caller::new(&self.hr.http, &self.hr.resource, None, era)
    }
}

/// A world that is lent to a test.
#[derive(Debug)]
pub struct Shared(Arc<World>);

impl Deref for Shared {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.auth.process.show_log();
            self.hr.process.show_log();
        }
    }
}
