//! docs/guides/deploy.md, followed as it is written: on hosts of their own, with systemd, users, TLS
//! and names, from the build to the move of the issuer. Only `cargo` is a stand-in, which takes what was
//! built before; `sudo` changes the user, as its callers are root already.
//!
//! One story, because each chapter of the guide goes on where the one before ended.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

mod deployment;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bailiwick_e2e::binary::Ended;

use deployment::{Deployment, call, commands};

/// How long something may take that happens by itself: a look at the certificates is ten seconds away.
const WITHIN: Duration = Duration::from_mins(1);

/// The servers, and a tool of each.
const SERVERS: [(&str, &str); 3] = [
    ("https://hr.example.com/mcp", "get_hr_summary"),
    ("https://work.example.com/mcp", "get_project_summary"),
    ("https://work.example.com:8443/mcp", "get_crm_summary"),
];

/// Asks until the answer is yes.
fn eventually(what: &str, question: impl Fn() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !question() {
        assert!(Instant::now() < deadline, "{what}: not within {WITHIN:?}");
    }
}

#[test]
fn the_guide_leads_from_the_build_to_the_move_of_the_issuer_on_hosts_of_their_own() {
    let deployment = Deployment::new();
    an_agent_on_a_host_of_its_own_calls_tools_over_tls(&deployment);
    a_revocation_is_felt_at_every_server_within_a_second(&deployment);
    nobody_but_its_user_reads_the_files_of_a_service(&deployment);
    the_hardening_is_in_force(&deployment);
    plain_http_on_a_public_name_is_refused_at_the_start(&deployment);
    old_tls_and_a_foreign_authority_are_refused(&deployment);
    only_the_authorities_that_the_environment_names_are_trusted(&deployment);
    a_renewed_certificate_is_in_use_without_a_restart(&deployment);
    a_backup_under_writes_restores_to_a_whole_database(&deployment);
    an_upgrade_loses_no_request(&deployment);
    a_new_issuer_ends_old_tokens_and_new_ones_work(&deployment);
}

fn an_agent_on_a_host_of_its_own_calls_tools_over_tls(deployment: &Deployment) {
    let called = deployment.call_all_servers();
    assert_eq!(called.code, 0, "{called:#?}\n{}", deployment.auth.log());
    for figure in ["total_employees", "total_tasks", "total_customers"] {
        assert!(called.stdout.contains(figure), "{figure}: {called:#?}");
    }
}

fn a_revocation_is_felt_at_every_server_within_a_second(deployment: &Deployment) {
    let tokens = SERVERS.map(|(url, _)| deployment.token("https://auth.example.com", url));
    let statuses = || {
        let asked = SERVERS.iter().zip(&tokens).map(|((url, tool), token)| call(url, tool, token));
        deployment.agent.well(&asked.collect::<Vec<_>>().join("\necho\n"))
    };
    assert_eq!(statuses(), "200\n200\n200");
    let _ = deployment.auth.well(
        "sudo -u bailiwick-auth auth-service --config /etc/bailiwick/auth/settings.toml revocation add client my-agent",
    );
    let acknowledged = Instant::now();
    eventually("the revocation is felt", || statuses() == "401\n401\n401");
    let felt = acknowledged.elapsed();
    assert!(felt < Duration::from_secs(1), "the revocation was felt after {felt:?}");
    let called = deployment.call_all_servers();
    assert_eq!(called.code, 0, "a new token works at once: {called:#?}");
}

fn nobody_but_its_user_reads_the_files_of_a_service(deployment: &Deployment) {
    let Deployment { auth, hr, work, .. } = deployment;
    let kept = [
        (auth, "nobody", "/var/lib/bailiwick-auth/auth.sqlite"),
        (auth, "nobody", "/etc/bailiwick/auth/tls.key"),
        (auth, "nobody", "/etc/bailiwick/auth/settings.toml"),
        (auth, "nobody", "/etc/bailiwick/auth/master.key"),
        (auth, "bailiwick-auth", "/etc/bailiwick/auth/master.key"),
        (hr, "nobody", "/var/lib/bailiwick-hr/hr.sqlite"),
        (hr, "nobody", "/etc/bailiwick/hr/tls.key"),
        (hr, "bailiwick-hr", "/etc/bailiwick/hr/client-secret"),
        (work, "bailiwick-crm", "/var/lib/bailiwick-project/project.sqlite"),
        (work, "bailiwick-project", "/var/lib/bailiwick-crm/crm.sqlite"),
        (work, "bailiwick-project", "/etc/bailiwick/crm/tls.key"),
        (work, "bailiwick-project", "/etc/bailiwick/crm/client-secret"),
        (work, "bailiwick-project", "/etc/bailiwick/crm/settings.toml"),
    ];
    for (host, user, file) in kept {
        let _ = host.well(&format!("test -f {file}"));
        let said = host.failure(&format!("sudo -u {user} cat {file}"));
        assert!(said.contains("Permission denied"), "{user} {file}: {said}");
        let _ = host.failure(&format!("sudo -u {user} test -w {file}"));
    }
    let _ =
        work.well("sudo -u bailiwick-crm cat /var/lib/bailiwick-crm/crm.sqlite /etc/bailiwick/crm/tls.key >/dev/null");
}

fn the_hardening_is_in_force(deployment: &Deployment) {
    let units = [
        (&deployment.auth, "bailiwick-auth.service"),
        (&deployment.hr, "bailiwick-mcp@hr.service"),
        (&deployment.work, "bailiwick-mcp@project.service"),
        (&deployment.work, "bailiwick-mcp@crm.service"),
    ];
    for (host, unit) in units {
        let _ = host.well(&format!("systemd-analyze verify {unit}"));
        // 0 is no exposure at all, 10 all of it.
        let _ = host.well(&format!("systemd-analyze security --threshold=15 --no-pager {unit}"));
        let status = host.well(&format!("cat /proc/$(systemctl show --value -p MainPID {unit})/status"));
        for line in ["CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.contains(line), "{unit}: {line} is not in {status}");
        }
        let exe = host.well(&format!("systemctl show --value -p NRestarts {unit}"));
        assert_eq!(exe.trim(), "0", "{unit} was restarted");
    }
}

fn plain_http_on_a_public_name_is_refused_at_the_start(deployment: &Deployment) {
    let refused = [
        (&deployment.hr, "mcp-hr --resource http://hr.example.com/mcp --listen 0.0.0.0:8001", "https URL"),
        (&deployment.hr, "mcp-hr --resource https://hr.example.com/mcp --listen 0.0.0.0:8001", "MCP_TLS_CERT"),
        (
            &deployment.auth,
            "auth-service serve --issuer http://auth.example.com --listen 0.0.0.0:8000",
            "issuer is an https",
        ),
        (
            &deployment.auth,
            "auth-service serve --issuer https://auth.example.com --listen 0.0.0.0:8000",
            "AUTH_TLS_CERT",
        ),
    ];
    for (host, command, said) in refused {
        let answer = host.failure(&format!("timeout 20 {command}"));
        assert!(answer.contains(said), "{command}: {answer}");
    }
}

/// How a client fares with a server of the test's own on the agent's host, which shows `pair` and
/// speaks TLS as `version` says.
fn at_another_server(deployment: &Deployment, pair: &str, version: &str, client: &str) -> Ended {
    let script = format!(
        "openssl s_server -accept 4433 -www -cert {pair}.crt -key {pair}.key {version} >server.log 2>&1 &
         trap 'kill %1' EXIT
         until (: </dev/tcp/127.0.0.1/4433) 2>/dev/null; do :; done
         {client}"
    );
    deployment.agent.run(&script, "")
}

fn old_tls_and_a_foreign_authority_are_refused(deployment: &Deployment) {
    let Deployment { desk, agent, .. } = deployment;
    let old = "-cipher DEFAULT@SECLEVEL=0 -tls1_1";
    for host in ["auth.example.com:443", "hr.example.com:443", "work.example.com:8443"] {
        let said = agent.failure(&format!("openssl s_client -connect {host} {old} </dev/null"));
        assert!(said.contains("SSL alert number"), "{host}: {said}");
        let _ = agent.well(&format!("openssl s_client -connect {host} -tls1_2 -verify_return_error </dev/null"));
    }
    desk.certify("own foreign.example.com");
    desk.run(
        "umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout foreign.key \
         -out foreign.crt -subj /CN=foreign.example.com -addext subjectAltName=DNS:foreign.example.com",
    );
    desk.carry(&["own.crt", "own.key", "foreign.crt", "foreign.key"], agent);
    let curl = "curl -sS --fail -o /dev/null https://foreign.example.com:4433/";
    let accepted = at_another_server(deployment, "own", "", curl);
    assert_eq!(accepted.code, 0, "{accepted:#?}");
    let mcp_agent = "mcp-agent --server https://foreign.example.com:4433/mcp tools";
    for (pair, version, said) in [("foreign", "", "certificate"), ("own", old, "cannot be reached")] {
        let refused = at_another_server(deployment, pair, version, mcp_agent);
        assert!(refused.code == 5 && refused.stderr.contains(said), "{pair} {version}: {refused:#?}");
        assert!(!refused.stderr.contains("timed out"), "{refused:#?}");
    }
}

fn only_the_authorities_that_the_environment_names_are_trusted(deployment: &Deployment) {
    let mcp_agent = "mcp-agent --server https://hr.example.com/mcp tools";
    let trusting = |authorities| deployment.agent.run(&format!("SSL_CERT_FILE={authorities} {mcp_agent}"), "");
    let refused = trusting("foreign.crt");
    assert!(refused.code == 5 && refused.stderr.contains("certificate"), "{refused:#?}");
    // It is not refused before it is asked who it is.
    let trusted = trusting("ca.crt");
    assert_eq!(trusted.code, 3, "{trusted:#?}");
}

fn a_renewed_certificate_is_in_use_without_a_restart(deployment: &Deployment) {
    let Deployment { desk, auth, hr, agent, .. } = deployment;
    let renewals = [
        (auth, "auth", "bailiwick-auth.service", commands("Renew a certificate", 0)),
        (hr, "hr", "bailiwick-mcp@hr.service", commands("Renew a certificate", 0).replace("auth", "hr")),
    ];
    for (host, name, unit, install) in renewals {
        let process = || host.well(&format!("systemctl show --value -p MainPID {unit}"));
        let before = process();
        let shown = || {
            let connect = format!("openssl s_client -connect {name}.example.com:443 </dev/null 2>/dev/null");
            agent.well(&format!("{connect} | openssl x509 -noout -serial"))
        };
        assert_eq!(shown(), desk.serial(&format!("{name}.crt")));
        desk.certify(&format!("{name} {name}.example.com"));
        desk.carry(&[&format!("{name}.crt"), &format!("{name}.key")], host);
        let _ = host.well(&install);
        eventually("the renewed certificate is shown", || shown() == desk.serial(&format!("{name}.crt")));
        assert_eq!(process(), before, "{name} was restarted");
        if name == "auth" {
            let metrics = host.well("curl -sS --fail http://127.0.0.1:9100/metrics");
            assert!(metrics.contains("\nbailiwick_tls_certificate_expiry_timestamp_seconds 1"), "{metrics}");
        }
        let _ = host.well(&format!("echo nonsense >/etc/bailiwick/{name}/tls.crt"));
        eventually("a bad certificate is logged", || host.log().contains(r#""reason":"tls_certificate""#));
        assert_eq!(shown(), desk.serial(&format!("{name}.crt")));
        let _ = host.well(&install);
    }
}

fn a_backup_under_writes_restores_to_a_whole_database(deployment: &Deployment) {
    let Deployment { auth, .. } = deployment;
    let cli = "auth() { sudo -u bailiwick-auth auth-service --config /etc/bailiwick/auth/settings.toml \"$@\"; }\n";
    let clients = || {
        let list = auth.well(&format!("{cli}auth client list"));
        list.lines().filter(|line| line.starts_with("written-")).count()
    };
    let script = "number=0
        until test -e written-enough; do
          number=$((number + 1))
          auth client create --id written-$number --role Manager
        done";
    let mut writer = auth.command(&format!("{cli}{script}")).stdout(Stdio::null()).spawn().unwrap();
    eventually("the writer writes", || clients() > 2);
    let _ = auth.well(&(commands("Back up", 0) + &commands("Back up", 1)));
    let at_backup = clients();
    eventually("the writer goes on writing", || clients() > at_backup + 2);
    let _ = auth.well("touch written-enough");
    assert!(writer.wait().unwrap().success());
    let found = auth.well("cd /var/backups/bailiwick-auth && stat -c '%U %a' . *.sqlite");
    assert_eq!(found, "bailiwick-auth 700\nbailiwick-auth 600\n");
    let lost = clients();
    let _ = auth.well(&commands("Restore", 0));
    let restored = clients();
    assert!(restored > 2 && restored <= at_backup && restored < lost, "{restored} {at_backup} {lost}");
    let whole =
        auth.well("sudo -u bailiwick-auth sqlite3 /var/lib/bailiwick-auth/auth.sqlite 'PRAGMA integrity_check'");
    assert_eq!(whole, "ok\n");
    let token = deployment.token("https://auth.example.com", "https://hr.example.com/mcp");
    assert_eq!(deployment.status_at_hr(&token), "200");
}

/// Asks again and again, each time on a new connection, until it is told to stop; tells each answer.
fn hammer(deployment: &Deployment, request: &str) -> Child {
    let script = format!("while ! test -e stop; do {request} || echo \"failed $?\"; echo; done");
    deployment.agent.command(&script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn an_upgrade_loses_no_request(deployment: &Deployment) {
    let Deployment { desk, auth, hr, work, agent, secret, .. } = deployment;
    let issuer = "https://auth.example.com";
    let token = |resource: &str| deployment.token(issuer, resource);
    let mut requests: Vec<_> = SERVERS.iter().map(|(url, tool)| call(url, tool, &token(url))).collect();
    requests.push(format!(
        "curl -sS -o /dev/null -w '%{{http_code}}' {issuer}/oauth2/token -u 'my-agent:{secret}' \
         -d grant_type=client_credentials -d resource=https://hr.example.com/mcp"
    ));
    let hammers: Vec<_> = requests.iter().map(|request| hammer(deployment, request)).collect();
    for (number, host) in [(1, auth), (2, hr), (3, work)] {
        desk.carry(&["bailiwick.tar"], host);
        let before = host.well("systemctl show --value -p MainPID 'bailiwick-*.service'");
        let _ = host.well(&(commands("Upgrade", 0) + &commands("Upgrade", number)));
        assert_ne!(before, host.well("systemctl show --value -p MainPID 'bailiwick-*.service'"));
        for url in ["https://auth.example.com", "https://hr.example.com", "https://work.example.com"] {
            let _ = agent.well(&format!("curl -sS --fail --retry 20 --retry-delay 1 {url}/health/ready"));
        }
    }
    let _ = agent.well("touch stop");
    for (hammer, request) in hammers.into_iter().zip(&requests) {
        let ended = Ended::of(hammer.wait_with_output().unwrap());
        let answers: Vec<_> = ended.stdout.lines().collect();
        assert!(answers.len() > 10 && answers.iter().all(|answer| *answer == "200"), "{request}\n{ended:#?}");
    }
    let called = deployment.call_all_servers();
    assert_eq!(called.code, 0, "{called:#?}");
}

fn a_new_issuer_ends_old_tokens_and_new_ones_work(deployment: &Deployment) {
    let Deployment { desk, auth, hr, work, agent, .. } = deployment;
    let (old, new) = ("https://auth.example.com", "https://id.example.com");
    let resource = "https://hr.example.com/mcp";
    let old_token = deployment.token(old, resource);
    desk.certify("auth auth.example.com id.example.com");
    desk.carry(&["auth.crt", "auth.key"], auth);
    let _ = auth.well(&commands("Renew a certificate", 0));
    let _ = auth.well(&commands("Give the issuer another URL", 0));
    let new_token = deployment.token(new, resource);
    assert_eq!(
        (deployment.status_at_hr(&old_token), deployment.status_at_hr(&new_token)),
        ("200".into(), "401".into())
    );
    for host in [hr, work] {
        let _ = host.well(&commands("Give the issuer another URL", 1));
    }
    eventually("new tokens are good", || deployment.status_at_hr(&new_token) == "200");
    assert_eq!(deployment.status_at_hr(&old_token), "401");
    let called = deployment.call_all_servers();
    assert!(called.code != 0 && called.text().contains(new), "{called:#?}");
    let moved = commands("Register servers and agents", 1).replace(old, new);
    let called = agent.run(&moved, &deployment.secret);
    assert_eq!(called.code, 0, "{called:#?}");
}
