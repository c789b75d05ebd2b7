//! What the guard adds to a call: the bench's own server bare and guarded, and mcp-hr, with tokens
//! that were seen before and with tokens that never were.

use std::cell::RefCell;

use super::Case;
use crate::error::BenchError;
use crate::issuer::Issuer;
use crate::load::{Callers, Load, Slice};
use crate::report::{Bar, Bound, Chart, Section, Table, Target, figure};
use crate::run::{CONNECTIONS, Contender, Measured, Run};
use crate::server::Server;
use crate::tool_servers::{self, ADD_SCOPE, HR_SCOPE, resource};

pub const CASE: Case = Case { name: "guard", title: "Tool calls, bare and guarded", run };

const BARE: &str = "add, bare";
const SEEN: &str = "add, token seen";
const NEW: &str = "add, token never seen";
const HR_SEEN: &str = "get_employee_records, seen";
const HR_NEW: &str = "get_employee_records, new";

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let issuer = RefCell::new(Issuer::start()?);
    let url = issuer.borrow().url.clone();
    let add = |name: &str, issuer: Option<&str>| tool_servers::adder(&run.programs, name, issuer);
    let hr = |name: &str| tool_servers::hr(&run.programs, name, run.folder(), &url);
    let (bare, seen, new) = (add(BARE, None)?, add(SEEN, Some(&url))?, add(NEW, Some(&url))?);
    let (hr_seen, hr_new) = (hr(HR_SEEN)?, hr(HR_NEW)?);
    let tokens = run.plan.new_tokens;
    let same = |server: &Server, scope: &str| -> Result<Callers, BenchError> {
        Ok(Callers::AnyOf(issuer.borrow_mut().sign(1, &resource(server.port), scope)?.into()))
    };
    let contenders = vec![
        Contender::load(BARE, &bare, tool_servers::add(CONNECTIONS, same(&bare, ADD_SCOPE)?)),
        Contender::load(SEEN, &seen, tool_servers::add(CONNECTIONS, same(&seen, ADD_SCOPE)?)),
        strangers(&new, tool_servers::add, ADD_SCOPE, &issuer, tokens),
        Contender::load(HR_SEEN, &hr_seen, tool_servers::get_employee_records(CONNECTIONS, same(&hr_seen, HR_SCOPE)?)),
        strangers(&hr_new, tool_servers::get_employee_records, HR_SCOPE, &issuer, tokens),
    ];
    let measured = run.compare(contenders)?;
    Ok(section(case, run, measured))
}

/// A server whose every call comes with a token of its own, signed before the slice begins.
fn strangers<'a>(
    server: &'a Server,
    load: fn(usize, Callers) -> Load,
    scope: &'a str,
    issuer: &'a RefCell<Issuer>,
    tokens: usize,
) -> Contender<'a> {
    Contender::server(server.name.clone(), server, move |generator, window| {
        let signed = issuer.borrow_mut().sign(tokens + CONNECTIONS, &resource(server.port), scope)?;
        // As long as it takes: each token is good for one call, and the slice ends with them.
        generator.slice(server, &load(CONNECTIONS, Callers::EachOnce(signed.into())), window * 60)
    })
}

fn section(case: &Case, run: &Run, measured: Vec<Measured>) -> Section {
    let find = |name: &str| measured.iter().find(|one| one.name == name);
    let reference = |one: &Measured| if one.name.starts_with("add") { find(BARE) } else { find(HR_SEEN) };
    let over = |one: &Measured| {
        let reference = reference(one).filter(|reference| reference.name != one.name)?;
        Some(format!("+{} µs", figure(one.microseconds_over(reference).median)))
    };
    let added = |name: &str| find(name).zip(find(BARE)).map(|(one, bare)| one.microseconds_over(bare));
    let quick = run.plan.is_quick;
    let target = |what: &str, bound, name: &str| Target::new(what, Bound::AtMost(bound), " µs", added(name), quick);
    let bars = measured.iter().map(|one| Bar {
        label: one.name.clone(),
        value: one.estimate(Slice::cpu_microseconds).median,
        is_ours: one.name != BARE,
        limit: None,
    });
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "tools/call, {CONNECTIONS} connections, RS256 tokens of an issuer inside the bench; new tokens are signed \
             before each slice. Logs and metrics are on. The bare server gets the same calls, a token among their \
             headers. The last column: CPU over the bare server, and for new tokens at mcp-hr over seen ones."
        ),
        table: Table::of(&measured, "added", over),
        targets: vec![
            target("the guard adds, token seen", 5.0, SEEN),
            target("the guard adds, token never seen", 28.0, NEW),
        ],
        notes: Vec::new(),
        chart: Some(Chart { title: "CPU for each call, in microseconds", bars: bars.collect() }),
        measured,
        samples: Vec::new(),
    }
}
