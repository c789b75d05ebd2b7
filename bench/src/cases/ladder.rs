//! What each rung of the ladder costs: the bench's own server bare, and guarded in each mode alone, each called with
//! what a caller of that mode sends.
//!
//! It is the bench's own server, and not mcp-quickstart, because that is never without its guard.

use bailiwick_guard::Mode;

use super::Case;
use crate::adder::authentication::CLIENTS;
use crate::error::BenchError;
use crate::load::Callers;
use crate::report::{Section, Table, figure, interval, number};
use crate::run::{CONNECTIONS, Contender, Measured, Run};
use crate::rungs::{CALLS_PER_SECOND, Rungs};
use crate::tool_servers;

pub const CASE: Case = Case { name: "ladder", title: "The rungs of the ladder", run };

const BARE: &str = "bare";
/// How many times as many and as short turns they take as elsewhere: some rungs lie close together.
const FINENESS: u32 = 5;

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let mut rungs = Rungs::prepare(run.folder())?;
    let bare = tool_servers::adder(&run.programs, BARE, None)?;
    let mut guarded = Vec::new();
    // From the lowest rung up.
    for mode in Mode::ALL.into_iter().rev() {
        let server = rungs.server(&run.programs, mode)?;
        let calls = rungs.calls(mode, &server)?;
        guarded.push((server, calls));
    }
    let mut contenders = vec![Contender::load(BARE, &bare, tool_servers::add(CONNECTIONS, Callers::Nobody))];
    contenders
        .extend(guarded.iter().map(|(server, calls)| Contender::load(server.name.clone(), server, calls.clone())));
    // A quick run only shows that it works.
    let fineness = if run.plan.is_quick { 1 } else { FINENESS };
    let measured = run.compare_finely(fineness, contenders)?;
    Ok(section(case, measured))
}

fn section(case: &Case, measured: Vec<Measured>) -> Section {
    let bare = measured.iter().find(|one| one.name == BARE);
    let over = |one: &Measured| {
        let added = one.microseconds_over(bare.filter(|bare| bare.name != one.name)?);
        Some(format!("{} µs ({})", figure(added.median), interval(added)))
    };
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "tools/call of add(19, 23), {CONNECTIONS} connections: the bench's own server bare, and once for each rung, \
             guarded in that mode alone; each a process of its own, with logs and metrics on. It knows {CLIENTS} clients \
             by itself. A token is the same in all calls: an access token is remembered when it has come twice, one \
             of a key pair or a shared secret is verified each time. Calls are counted, and {} a second are allowed, so \
             that the limit holds nobody up. The last column: CPU over the bare server, with its interval.",
            number(CALLS_PER_SECOND.into())
        ),
        table: Table::of(&measured, "added", over),
        targets: Vec::new(),
        notes: Vec::new(),
        chart: None,
        measured,
        samples: Vec::new(),
    }
}
