//! Whatever ends a token is felt at every real server within a second of its acknowledgement: the list and
//! the call are refused alike, others go on, and a new token works at once. Tokens of clients are first, then
//! those that people gave to an editor.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may panic, and shows what it measured"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bailiwick_e2e::http::{self, Answer};
use bailiwick_e2e::{AuthService, Browser, Credentials, Editor, Form, Person, Server, Site, binary, jwt};
use serde_json::{Value, json};

/// The promise, from the acknowledgement of a deed to the refusal.
const FELT_WITHIN: Duration = Duration::from_secs(1);

/// When a test is told that a refusal does not come.
const GIVE_UP: Duration = Duration::from_secs(20);

/// Every server.
const ALL: &[&str] = &["hr", "project", "crm"];

/// An agent with a role of its own, another role, two secrets, and a token for each server.
struct Agent {
    client: Credentials,
    role: String,
    /// The secret that it does not use.
    other_secret: String,
    tokens: [String; 3],
}

impl Agent {
    /// One whose role has this name.
    fn new(site: &Site, role: String) -> Self {
        let admin = site.admin();
        admin.set_role(&role, "hr:* project:* crm:*");
        let first = site.client(&[&role, "Manager"]);
        let path = format!("/clients/{}", first.id);
        let other_secret = admin.get(&path).expect(200).json()["secrets"][0]["secret_id"].as_str().unwrap().to_owned();
        let secret = admin.post(&format!("{path}/secrets"), &json!({})).expect(201).text("client_secret");
        let client = Credentials { id: first.id, secret };
        let tokens = site.tokens(&client);
        Self { client, role, other_secret, tokens }
    }

    fn path(&self) -> String {
        format!("/clients/{}", self.client.id)
    }

    fn jti(&self, server: usize) -> String {
        jwt::claims(&self.tokens[server])["jti"].as_str().unwrap().to_owned()
    }
}

/// Something that ends tokens. It has been acknowledged when the deed is done.
struct Cause {
    name: &'static str,
    deed: fn(&Site, &Agent),
    /// Where the agent's token ends.
    ends_at: &'static [&'static str],
    /// Where the agent may have a new token.
    may: &'static [&'static str],
}

/// A cause that ends all tokens of an agent.
const fn cause(name: &'static str, may: &'static [&'static str], deed: fn(&Site, &Agent)) -> Cause {
    Cause { name, deed, ends_at: ALL, may }
}

fn run(site: &Site, arguments: &[&str]) {
    let _ = site.auth.run(arguments).well();
}

fn revoke(site: &Site, kind: &str, id: &str) {
    let _ = site.admin().post("/revocations", &json!({"subject": {"kind": kind, "id": id}})).expect(202);
}

fn patch(site: &Site, agent: &Agent, changes: &Value) {
    let _ = site.admin().patch(&agent.path(), changes).expect(200);
}

const OVER_HTTP: [Cause; 11] = [
    cause("client disabled", &[], |site, agent| patch(site, agent, &json!({"disabled": true}))),
    cause("client deleted", &[], |site, agent| drop(site.admin().delete(&agent.path()).expect(204))),
    cause("role narrowed", ALL, |site, agent| site.admin().set_role(&agent.role, "hr:read")),
    cause("role deleted", ALL, |site, agent| {
        let _ = site.admin().delete(&format!("/roles/{}", agent.role)).expect(204);
    }),
    cause("role removed from the client", ALL, |site, agent| patch(site, agent, &json!({"roles": ["Manager"]}))),
    cause("resources of the client changed", &["hr"], |site, agent| {
        patch(site, agent, &json!({"resources": [site.servers[0].resource]}));
    }),
    cause("secret retired with its tokens", ALL, |site, agent| {
        let secret = format!("{}/secrets/{}?and_its_tokens=true", agent.path(), agent.other_secret);
        let _ = site.admin().delete(&secret).expect(204);
    }),
    cause("client revoked", ALL, |site, agent| revoke(site, "client", &agent.client.id)),
    cause("role revoked", ALL, |site, agent| revoke(site, "role", &agent.role)),
    Cause {
        ends_at: &["crm"],
        ..cause("token revoked by an administrator", ALL, |site, agent| revoke(site, "token", &agent.jti(2)))
    },
    Cause {
        ends_at: &["hr"],
        ..cause("token revoked by its client", ALL, |site, agent| {
            let _ = site.auth.post_form("/oauth2/revoke", &agent.client, &[("token", &agent.tokens[0])]).expect(200);
        })
    },
];

const ON_THE_COMMAND_LINE: [Cause; 10] = [
    cause("client disabled", &[], |site, agent| run(site, &["client", "update", &agent.client.id, "--disable"])),
    cause("client deleted", &[], |site, agent| run(site, &["client", "delete", &agent.client.id])),
    cause("role narrowed", ALL, |site, agent| run(site, &["role", "set", &agent.role, "--scope", "hr:read"])),
    cause("role deleted", ALL, |site, agent| run(site, &["role", "delete", &agent.role])),
    cause("role removed from the client", ALL, |site, agent| {
        run(site, &["client", "update", &agent.client.id, "--role", "Manager"]);
    }),
    cause("resources of the client changed", &["hr"], |site, agent| {
        run(site, &["client", "update", &agent.client.id, "--resource", &site.servers[0].resource]);
    }),
    cause("secret retired with its tokens", ALL, |site, agent| {
        run(site, &["client", "secret", "retire", &agent.client.id, &agent.other_secret, "--and-its-tokens"]);
    }),
    cause("client revoked", ALL, |site, agent| run(site, &["revocation", "add", "client", &agent.client.id])),
    cause("role revoked", ALL, |site, agent| run(site, &["revocation", "add", "role", &agent.role])),
    Cause {
        ends_at: &["project"],
        ..cause("token revoked", ALL, |site, agent| run(site, &["revocation", "add", "token", &agent.jti(1)]))
    },
];

fn is_refused(answer: &Answer) -> bool {
    match answer.status {
        200 => false,
        401 => {
            let challenge = answer.challenge();
            assert!(challenge.contains(r#"error="invalid_token""#), "{answer:#?}");
            true
        }
        _ => panic!("neither let through nor refused for its token: {answer:#?}"),
    }
}

fn is_let_through(server: &Server, token: &str) -> bool {
    let [list, call] = server.list_and_call(token).map(|answer| is_refused(&answer));
    assert_eq!(list, call, "list and call are one at {}", server.kind.server);
    !list
}

/// How long after `acknowledged` the server refuses the list and the call with this token.
fn felt_after(server: &Server, token: &str, acknowledged: Instant) -> Duration {
    loop {
        let refused = server.list_and_call(token).iter().all(is_refused);
        let elapsed = acknowledged.elapsed();
        if refused {
            return elapsed;
        }
        assert!(elapsed < GIVE_UP, "{} never refused the token:\n{}", server.kind.server, server.process.log());
    }
}

/// Each of `ends_at` refuses its token in time after `acknowledged`.
fn is_felt(name: &str, site: &Site, ends_at: &[&str], tokens: &[String; 3], acknowledged: Instant) {
    let concerned = site.servers.iter().zip(tokens).filter(|(server, _)| ends_at.contains(&server.kind.server));
    let felt: Vec<(&str, Duration)> = std::thread::scope(|scope| {
        let asking = concerned
            .map(|(server, token)| scope.spawn(move || (server.kind.server, felt_after(server, token, acknowledged))));
        asking.collect::<Vec<_>>().into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    let told: Vec<_> = felt.iter().map(|(server, after)| format!("{server} {} ms", after.as_millis())).collect();
    eprintln!("{name}: felt after {}", told.join(", "));
    assert_eq!(felt.len(), ends_at.len());
    assert!(felt.iter().all(|(_, after)| *after < FELT_WITHIN), "{name}: {told:?}");
}

/// `client` gets new tokens for the servers that it may call, and for no others, and they work at once.
fn may_anew(name: &str, site: &Site, client: &Credentials, may: &[&str]) {
    for server in &site.servers {
        let answer = site.auth.request_token(client, &[("resource", &server.resource)]);
        let granted = answer.status == 200;
        assert_eq!(granted, may.contains(&server.kind.server), "{name} {}: {answer:#?}", server.kind.server);
        assert!(!granted || is_let_through(server, &answer.text("access_token")), "{name} {}", server.kind.server);
    }
}

fn is_felt_everywhere(site: &Site, causes: &[Cause]) {
    for (number, Cause { name, deed, ends_at, may }) in causes.iter().enumerate() {
        let (agent, other) = (Agent::new(site, format!("Role{number}")), Agent::new(site, format!("Other{number}")));
        for (server, tokens) in site.servers.iter().zip(agent.tokens.iter().zip(&other.tokens)) {
            assert!(is_let_through(server, tokens.0) && is_let_through(server, tokens.1), "{name}");
        }
        deed(site, &agent);
        let acknowledged = Instant::now();
        is_felt(name, site, ends_at, &agent.tokens, acknowledged);
        may_anew(name, site, &agent.client, may);
        for (server, (token, other)) in site.servers.iter().zip(agent.tokens.iter().zip(&other.tokens)) {
            assert_eq!(is_let_through(server, token), !ends_at.contains(&server.kind.server), "{name}");
            assert!(is_let_through(server, other), "{name} ended the token of another client");
        }
    }
}

#[test]
fn what_ends_tokens_of_a_client_over_http_is_felt_at_every_server_within_a_second() {
    is_felt_everywhere(&Site::hearing(), &OVER_HTTP);
}

#[test]
fn what_ends_tokens_of_a_client_on_the_command_line_is_felt_at_every_server_within_a_second() {
    is_felt_everywhere(&Site::hearing(), &ON_THE_COMMAND_LINE);
}

/// What is done to one of a site's things, and its name.
type Deed<S> = (&'static str, fn(&Site, &S));

#[test]
fn a_resource_that_is_revoked_or_deleted_ends_its_tokens_and_nobody_elses_within_a_second() {
    let site = Site::hearing();
    let manager = site.client(&["Manager"]);
    let deeds: [Deed<Server>; 4] = [
        ("resource revoked", |site, server| revoke(site, "resource", &server.resource)),
        ("resource revoked on the command line", |site, server| {
            run(site, &["revocation", "add", "resource", &server.resource]);
        }),
        ("resource deleted", |site, server| {
            let _ = site.admin().delete(&format!("/resources/{}", server.kind.server)).expect(204);
        }),
        ("resource deleted on the command line", |site, server| {
            run(site, &["resource", "delete", server.kind.server]);
        }),
    ];
    for (number, (name, deed)) in deeds.into_iter().enumerate() {
        let tokens = site.tokens(&manager);
        assert!(site.servers.iter().zip(&tokens).all(|(server, token)| is_let_through(server, token)), "{name}");
        let concerned = &site.servers[number % site.servers.len()];
        deed(&site, concerned);
        let acknowledged = Instant::now();
        is_felt(name, &site, &[concerned.kind.server], &tokens, acknowledged);
        for (server, token) in site.servers.iter().zip(&tokens) {
            assert_eq!(is_let_through(server, token), server.kind.server != concerned.kind.server, "{name}");
        }
        concerned.register(&site.admin());
        may_anew(name, &site, &manager, ALL);
    }
}

/// The name of the key that signs.
fn signing_key(site: &Site, client: &Credentials) -> String {
    jwt::header(&site.tokens(client)[0])["kid"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_that_is_withdrawn_or_revoked_ends_all_that_it_signed_within_a_second() {
    let site = Site::hearing();
    let manager = site.client(&["Manager"]);
    let deeds: [Deed<str>; 3] = [
        ("key withdrawn", |site, key| drop(site.admin().delete(&format!("/keys/{key}")).expect(204))),
        ("key withdrawn on the command line", |site, key| run(site, &["keys", "withdraw", key])),
        ("key revoked after its successor took over", |site, key| {
            let _ = site.admin().post("/keys/rotate", &json!({"now": true})).expect(201);
            revoke(site, "key", key);
        }),
    ];
    let mut keys = BTreeSet::new();
    for (name, deed) in deeds {
        let (tokens, key) = (site.tokens(&manager), signing_key(&site, &manager));
        assert!(site.servers.iter().zip(&tokens).all(|(server, token)| is_let_through(server, token)), "{name}");
        deed(&site, &key);
        let acknowledged = Instant::now();
        is_felt(name, &site, ALL, &tokens, acknowledged);
        may_anew(name, &site, &manager, ALL);
        assert!(keys.insert(key), "a withdrawn key signs again");
    }
}

/// A person and an editor that acts for them at every server, each under a grant of its own.
struct Delegation<'a> {
    person: Person,
    browser: Browser,
    editor: Editor<'a>,
    codes: [String; 3],
    answers: [Answer; 3],
    tokens: [String; 3],
}

impl<'a> Delegation<'a> {
    /// Of a person with that name.
    fn new(site: &'a Site, username: &str) -> Self {
        let admin = site.admin();
        let (person, browser) = (Person::register(&admin, username, &["Manager"]), Browser::new());
        let editor = Editor::register(&site.auth, &admin, &site.servers[0].resource, &json!({}));
        let codes = site.servers.each_ref().map(|Server { resource, kind, .. }| {
            let scope = format!("{}:* offline_access", kind.server);
            person.allow(&browser, &editor, &[("resource", Some(resource)), ("scope", Some(&scope))])
        });
        let redeem = |place: usize| {
            editor.redeem(&codes[place], &[("resource", Some(&site.servers[place].resource))]).expect(200)
        };
        let answers = [0, 1, 2].map(redeem);
        let tokens = answers.each_ref().map(|answer| answer.text("access_token"));
        Self { person, browser, editor, codes, answers, tokens }
    }

    fn path(&self) -> String {
        format!("/users/{}", self.person.user_id)
    }

    fn refresh_token(&self, place: usize) -> String {
        self.answers[place].text("refresh_token")
    }

    fn is_let_through(&self, site: &Site) -> [bool; 3] {
        [0, 1, 2].map(|place| is_let_through(&site.servers[place], &self.tokens[place]))
    }
}

/// The person gives themself another password, and keeps nothing of what was allowed before.
fn change_password(site: &Site, of: &Delegation<'_>) {
    let page = of.browser.open(&format!("{}/account/password", site.auth.issuer)).expect(200);
    let form = Form::to(&page, "/account/password")
        .with("current_password", &of.person.password)
        .with("new_password", "a new good password")
        .with("new_password_again", "a new good password");
    assert_eq!(form.field("end_grants"), "on", "{form:#?}");
    assert!(of.browser.submit(&form).expect(200).body.contains("Your password is changed"));
}

/// The person takes back on the account page what the editor may do.
fn withdraw(site: &Site, of: &Delegation<'_>) {
    let account = of.browser.open(&format!("{}/account", site.auth.issuer)).expect(200);
    let forms = Form::all(&account);
    let form = forms.iter().find(|form| form.field("client_id") == of.editor.client_id).unwrap();
    assert!(of.browser.submit(form).expect(200).body.contains("does not act for you any more"));
}

/// Something that ends what a person gave, all of it or at one server, and its name.
type EndsAll<'a> = (&'static str, &'a dyn Fn(&Delegation<'_>));
type EndsOne<'a> = (&'static str, &'a dyn Fn(&Delegation<'_>, usize));

#[test]
fn what_ends_all_that_a_person_gave_is_felt_at_every_server_within_a_second() {
    let site = Site::hearing();
    let patch = |of: &Delegation<'_>, changes: Value| drop(site.admin().patch(&of.path(), &changes).expect(200));
    let with_input = |arguments: &[&str], input: &str| {
        let mut command = AuthService::command_line(site.folder.path(), arguments);
        let _ = binary::run_with_input(command.env("AUTH_ISSUER", &site.auth.issuer), input).well();
    };
    let user = |of: &Delegation<'_>| of.person.user_id.clone();
    let deeds: [EndsAll<'_>; 12] = [
        ("disabled", &|of| patch(of, json!({"disabled": true}))),
        ("disabled on the command line", &|of| run(&site, &["user", "update", &user(of), "--disable"])),
        ("deleted", &|of| drop(site.admin().delete(&of.path()).expect(204))),
        ("deleted on the command line", &|of| run(&site, &["user", "delete", &user(of)])),
        ("role taken from the user", &|of| patch(of, json!({"roles": ["Officer"]}))),
        ("role taken on the command line", &|of| run(&site, &["user", "update", &user(of), "--role", "Officer"])),
        ("password set by an administrator", &|of| patch(of, json!({"password": "another good password"}))),
        ("password set on the command line", &|of| {
            with_input(&["user", "password", &user(of), "--password-file", "-"], "another good password\n");
        }),
        ("password changed by the person", &|of| change_password(&site, of)),
        ("editor withdrawn by the person", &|of| withdraw(&site, of)),
        ("user revoked", &|of| revoke(&site, "user", &user(of))),
        ("user revoked on the command line", &|of| run(&site, &["revocation", "add", "user", &user(of)])),
    ];
    let other = Delegation::new(&site, "somebody-else");
    for (number, (name, deed)) in deeds.iter().enumerate() {
        let of = Delegation::new(&site, &format!("person-{number}"));
        assert_eq!(of.is_let_through(&site), [true; 3], "{name}");
        deed(&of);
        let acknowledged = Instant::now();
        is_felt(name, &site, ALL, &of.tokens, acknowledged);
        assert_eq!(other.is_let_through(&site), [true; 3], "{name} ended what another person gave");
    }
}

#[test]
fn what_ends_one_grant_of_a_person_is_felt_at_its_server_within_a_second_and_nowhere_else() {
    let site = Site::hearing();
    let deeds: [EndsOne<'_>; 4] = [
        ("code replayed", &|of, place| {
            let resource = ("resource", Some(site.servers[place].resource.as_str()));
            assert_eq!(of.editor.redeem(&of.codes[place], &[resource]).refusal(), (400, "invalid_grant".to_owned()));
        }),
        ("refresh token reused", &|of, place| {
            let next = of.editor.refresh(&of.refresh_token(place), &[]).expect(200).text("refresh_token");
            let _ = of.editor.refresh(&next, &[]).expect(200);
            let again = of.editor.refresh(&of.refresh_token(place), &[]);
            assert_eq!(again.refusal(), (400, "invalid_grant".to_owned()));
        }),
        ("refresh token revoked by its client", &|of, place| {
            let form = [("client_id", of.editor.client_id.clone()), ("token", of.refresh_token(place))];
            let url = format!("{}/oauth2/revoke", site.auth.issuer);
            let _ = http::send(site.auth.http.post(url).form(&form)).expect(200);
        }),
        ("grant revoked", &|of, place| {
            let claims = jwt::claims(&of.tokens[place]);
            revoke(&site, "grant", claims["grant_id"].as_str().unwrap());
        }),
    ];
    for (number, (name, deed)) in deeds.iter().enumerate() {
        let of = Delegation::new(&site, &format!("grants-{number}"));
        assert_eq!(of.is_let_through(&site), [true; 3], "{name}");
        for (place, server) in site.servers.iter().enumerate() {
            deed(&of, place);
            let acknowledged = Instant::now();
            is_felt(name, &site, &[server.kind.server], &of.tokens, acknowledged);
            assert_eq!(of.is_let_through(&site), [0, 1, 2].map(|other| other > place), "{name}");
        }
    }
}
