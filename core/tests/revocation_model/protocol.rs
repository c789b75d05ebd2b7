//! The protocol, reduced to what its law speaks of: a database, processes that issue tokens, a guard.
//! Every step is one that the real parts take as a whole (a transaction, a statement, an answer);
//! between two steps of one process any other may take its own.

use bailiwick_core::{Revocation, Subject, SubjectKind, UnixSeconds};

/// The positions that a tick of the clock is worth (2^20 for a second in the service).
const POSITIONS_PER_TICK: u64 = 100;
/// How far a start leaps: it is drawn by lot.
const LEAPS: [u64; 2] = [10, 15];
/// How long a token lives, in ticks.
const LIFETIME: u8 = 1;

/// The rules of the protocol, each of which can be broken.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that a test breaks")]
pub struct Rules {
    /// A process reads the position no later than the rows.
    pub position_before_rows: bool,
    /// Positions are counted in the transaction that commits them; else they are drawn before, from
    /// a sequence, and become visible out of order.
    pub counted_in_the_commit: bool,
    /// The event is appended in the transaction of its cause; else in one before it.
    pub event_with_its_cause: bool,
    /// A remembered row is used only where nothing has changed since it was read.
    pub cache_at_its_version: bool,
    /// A start leaps to where the clock stands at least; else by its lot alone.
    pub leap_by_the_clock: bool,
    /// How many ticks an event is kept.
    pub retention: u8,
}

/// The rules as they are.
pub const PROTOCOL: Rules = Rules {
    position_before_rows: true,
    counted_in_the_commit: true,
    event_with_its_cause: true,
    cache_at_its_version: true,
    leap_by_the_clock: true,
    retention: LIFETIME,
};

/// How often each kind of step may be taken yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub subjects: u8,
    pub services: u8,
    pub changes: u8,
    pub tokens: u8,
    pub polls: u8,
    pub repeated_answers: u8,
    pub ticks: u8,
    pub backups: u8,
    pub restores: u8,
    pub restarts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Event {
    seq: u64,
    subject: u8,
    change: u8,
    retain_until: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Database {
    position: u64,
    /// The first position since each leap, and the last one before the next.
    segments: Vec<(u64, u64)>,
    segment: u64,
    /// Counts the changes, so that processes notice them.
    version: u8,
    /// Which changes each subject's rows have seen, a bit for each.
    rows: Vec<u32>,
    kept: Vec<Event>,
    /// All events, those that are forgotten too.
    history: Vec<Event>,
    /// Changes that have begun, and are not committed.
    begun: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Issuing {
    subject: u8,
    since: u8,
    position: Option<u64>,
    version: u8,
    row: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Service {
    issuing: Option<Issuing>,
    /// For each subject the version and the row that were read together.
    cache: Vec<Option<(u8, u32)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Token {
    subject: u8,
    rev: u64,
    row: u32,
    expires: u8,
    lineage: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answer {
    events: Vec<Event>,
    next: u64,
    is_snapshot: bool,
    lineage: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Guard {
    after: u64,
    /// The lineage of the database whose answers it heard last.
    lineage: u8,
    held: Vec<Event>,
    answer: Option<Answer>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    now: u8,
    database: Database,
    backup: Option<Database>,
    /// Counts the restores.
    lineage: u8,
    lost: Vec<Event>,
    services: Vec<Service>,
    tokens: Vec<Token>,
    guard: Guard,
    changes: u8,
    budget: Budget,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Takes something away from the subject: rows and event at once.
    Change(u8),
    /// The first half of a change that breaks a rule: draws the position, or appends the event.
    BeginChange(u8),
    /// The second half of the change that began as the n-th.
    EndChange(usize),
    /// A request arrives at the service.
    BeginIssuing(u8, u8),
    ReadPosition(u8),
    ReadRows(u8),
    UseCache(u8),
    Issue(u8),
    /// The guard asks; the answer is on its way.
    Poll,
    /// The answer arrives, and may arrive again.
    Hear {
        again: bool,
    },
    Tick,
    /// Forgets the events that are not to be kept any more.
    Forget,
    Backup,
    /// Puts the backup in place and starts every process anew, which leap by that lot.
    Restore(usize),
    /// Starts every process anew, which leap by that lot.
    Restart(usize),
}

impl Database {
    /// Whether it handed this position out.
    fn knows(&self, position: u64) -> bool {
        let now = (self.segment, self.position);
        self.segments.iter().chain([&now]).any(|(first, last)| (first..=last).contains(&&position))
    }
}

impl World {
    pub fn new(budget: Budget) -> Self {
        let subjects = usize::from(budget.subjects);
        let service = Service { issuing: None, cache: vec![None; subjects] };
        Self {
            now: 0,
            database: Database { rows: vec![0; subjects], ..Database::default() },
            backup: None,
            lineage: 0,
            lost: Vec::new(),
            services: vec![service; usize::from(budget.services)],
            tokens: Vec::new(),
            guard: Guard::default(),
            changes: 0,
            budget,
        }
    }

    /// Every step that may be taken now.
    pub fn steps(&self, rules: Rules) -> Vec<Step> {
        let whole_changes = rules.counted_in_the_commit && rules.event_with_its_cause;
        let mut steps = Vec::new();
        for subject in (0..self.budget.subjects).filter(|_| self.budget.changes > 0) {
            steps.push(if whole_changes { Step::Change(subject) } else { Step::BeginChange(subject) });
        }
        steps.extend((0..self.database.begun.len()).map(Step::EndChange));
        for service in 0..self.budget.services {
            self.steps_of(service, rules, &mut steps);
        }
        match &self.guard.answer {
            None if self.budget.polls > 0 => steps.push(Step::Poll),
            None => {}
            Some(_) => {
                steps.push(Step::Hear { again: false });
                steps.extend((self.budget.repeated_answers > 0).then_some(Step::Hear { again: true }));
            }
        }
        steps.extend((self.budget.ticks > 0).then_some(Step::Tick));
        let forgettable = self.database.kept.iter().any(|event| event.retain_until < self.now);
        steps.extend(forgettable.then_some(Step::Forget));
        steps.extend((self.budget.backups > 0).then_some(Step::Backup));
        for lot in 0..LEAPS.len() {
            let may_restore = self.budget.restores > 0 && self.backup.is_some();
            steps.extend(may_restore.then_some(Step::Restore(lot)));
            steps.extend((self.budget.restarts > 0).then_some(Step::Restart(lot)));
        }
        steps
    }

    fn steps_of(&self, service: u8, rules: Rules, steps: &mut Vec<Step>) {
        let Service { issuing, cache } = &self.services[usize::from(service)];
        let Some(issuing) = issuing else {
            let may = self.budget.tokens > 0;
            steps.extend((0..self.budget.subjects).filter(|_| may).map(|one| Step::BeginIssuing(service, one)));
            return;
        };
        let Issuing { subject, position, version, row, .. } = *issuing;
        if position.is_none() && (rules.position_before_rows || row.is_some()) {
            steps.push(Step::ReadPosition(service));
        }
        if row.is_none() && (!rules.position_before_rows || position.is_some()) {
            steps.push(Step::ReadRows(service));
            let remembered = cache[usize::from(subject)];
            let usable = remembered.is_some_and(|(read_at, _)| read_at == version || !rules.cache_at_its_version);
            steps.extend((usable && position.is_some()).then_some(Step::UseCache(service)));
        }
        if position.is_some() && row.is_some() {
            steps.push(Step::Issue(service));
        }
    }

    /// Takes a step that [`World::steps`] offered.
    pub fn take(&mut self, step: Step, rules: Rules) {
        match step {
            Step::Change(subject) => {
                let event = self.begin_change(subject, rules);
                self.append(event);
                self.change_rows(event);
            }
            Step::BeginChange(subject) => {
                let event = self.begin_change(subject, rules);
                if !rules.event_with_its_cause {
                    self.append(event);
                }
                self.database.begun.push(event);
            }
            Step::EndChange(index) => {
                let event = self.database.begun.remove(index);
                if rules.event_with_its_cause {
                    self.append(event);
                }
                self.change_rows(event);
            }
            Step::BeginIssuing(service, subject) => {
                self.budget.tokens -= 1;
                let issuing = Issuing { subject, since: self.now, position: None, version: 0, row: None };
                self.services[usize::from(service)].issuing = Some(issuing);
            }
            Step::ReadPosition(service) => {
                let (position, version) = (self.database.position, self.database.version);
                let issuing = self.services[usize::from(service)].issuing.as_mut().unwrap();
                (issuing.position, issuing.version) = (Some(position), version);
            }
            Step::ReadRows(service) => {
                let service = &mut self.services[usize::from(service)];
                let issuing = service.issuing.as_mut().unwrap();
                let row = self.database.rows[usize::from(issuing.subject)];
                issuing.row = Some(row);
                service.cache[usize::from(issuing.subject)] = Some((self.database.version, row));
            }
            Step::UseCache(service) => {
                let Service { issuing, cache } = &mut self.services[usize::from(service)];
                let issuing = issuing.as_mut().unwrap();
                issuing.row = cache[usize::from(issuing.subject)].map(|(_, row)| row);
            }
            Step::Issue(service) => self.issue(service),
            Step::Poll => self.poll(),
            Step::Hear { again } => self.hear(again),
            Step::Tick => {
                self.budget.ticks -= 1;
                self.now += 1;
                self.guard.held.retain(|event| event.retain_until >= self.now);
            }
            Step::Forget => self.database.kept.retain(|event| event.retain_until >= self.now),
            Step::Backup => {
                self.budget.backups -= 1;
                self.backup = Some(self.database.clone());
            }
            Step::Restore(lot) => self.restore(lot, rules),
            Step::Restart(lot) => {
                self.budget.restarts -= 1;
                self.start(lot, rules);
            }
        }
    }

    /// The event of a change, at its position.
    fn begin_change(&mut self, subject: u8, rules: Rules) -> Event {
        self.budget.changes -= 1;
        self.changes += 1;
        let drawn = self.database.begun.iter().map(|event| event.seq).max().unwrap_or(0);
        let seq = self.database.position.max(drawn) + 1;
        Event { seq, subject, change: self.changes, retain_until: self.now + rules.retention }
    }

    fn append(&mut self, event: Event) {
        self.database.position = self.database.position.max(event.seq);
        self.database.kept.push(event);
        self.database.history.push(event);
        self.database.kept.sort_by_key(|event| event.seq);
    }

    fn change_rows(&mut self, event: Event) {
        self.database.version += 1;
        self.database.rows[usize::from(event.subject)] |= 1 << event.change;
    }

    fn issue(&mut self, service: u8) {
        let issuing = self.services[usize::from(service)].issuing.take().unwrap();
        self.tokens.push(Token {
            subject: issuing.subject,
            rev: issuing.position.unwrap(),
            row: issuing.row.unwrap(),
            expires: issuing.since + LIFETIME,
            lineage: self.lineage,
        });
    }

    /// An answer has one event at most, so that every guard pages.
    fn poll(&mut self) {
        self.budget.polls -= 1;
        let is_snapshot = !self.database.knows(self.guard.after);
        let after = if is_snapshot { 0 } else { self.guard.after };
        let behind = self.database.kept.iter().filter(|event| event.seq > after).copied();
        let events: Vec<Event> = if is_snapshot { behind.collect() } else { behind.take(1).collect() };
        let next = events.last().filter(|_| !is_snapshot).map_or(self.database.position, |last| last.seq);
        self.guard.answer = Some(Answer { events, next, is_snapshot, lineage: self.lineage });
    }

    fn hear(&mut self, again: bool) {
        let answer = self.guard.answer.clone().unwrap();
        if again {
            self.budget.repeated_answers -= 1;
        } else {
            self.guard.answer = None;
        }
        if answer.is_snapshot {
            self.guard.held.clear();
            self.guard.after = 0;
        }
        for event in answer.events.iter().filter(|event| event.retain_until >= self.now) {
            if !self.guard.held.contains(event) {
                self.guard.held.push(*event);
            }
        }
        self.guard.after = self.guard.after.max(answer.next);
        self.guard.lineage = answer.lineage;
    }

    /// A restore takes a tick at least.
    fn restore(&mut self, lot: usize, rules: Rules) {
        self.budget.restores -= 1;
        self.now += 1;
        let backup = self.backup.clone().unwrap();
        let before = std::mem::replace(&mut self.database, backup).history;
        self.lost.extend(before.into_iter().filter(|event| !self.database.history.contains(event)));
        self.database.begun.clear();
        self.lineage += 1;
        self.start(lot, rules);
    }

    /// Every process starts anew and remembers nothing.
    fn start(&mut self, lot: usize, rules: Rules) {
        let clock = if rules.leap_by_the_clock { u64::from(self.now) * POSITIONS_PER_TICK } else { 0 };
        let database = &mut self.database;
        database.segments.push((database.segment, database.position));
        database.position = database.position.max(clock) + LEAPS[lot];
        database.segment = database.position;
        for service in &mut self.services {
            service.issuing = None;
            service.cache.fill(None);
        }
    }

    /// The law, and what keeps it; says what broke it.
    pub fn check(&self) -> Result<(), String> {
        for token in self.tokens.iter().filter(|token| token.expires >= self.now) {
            for event in &self.database.history {
                let from_older_state = event.subject == token.subject && token.row & (1 << event.change) == 0;
                if from_older_state {
                    self.check_ended(token, event)?;
                }
            }
            let foreign = self.lost.iter().filter(|event| event.subject == token.subject);
            if token.lineage == self.lineage
                && let Some(event) = foreign.into_iter().find(|event| refuses(event, token) && self.lineage > 0)
            {
                return Err(format!("{token:?} is refused by {event:?}, which the restore undid"));
            }
        }
        Ok(())
    }

    /// `token` rests on state older than `event`.
    fn check_ended(&self, token: &Token, event: &Event) -> Result<(), String> {
        if !refuses(event, token) {
            return Err(format!("{token:?} survives {event:?}"));
        }
        if !self.database.kept.contains(event) {
            return Err(format!("{event:?} is forgotten, and {token:?} lives"));
        }
        let heard = self.guard.lineage == self.lineage && self.guard.after >= event.seq;
        if heard && !self.guard.held.iter().any(|held| held.subject == token.subject && refuses(held, token)) {
            return Err(format!("the guard went on behind {event:?} and lets {token:?} through"));
        }
        Ok(())
    }
}

/// The rule of the product, not a copy of it.
fn refuses(event: &Event, token: &Token) -> bool {
    let event = Revocation {
        seq: event.seq,
        at: UnixSeconds(0),
        subject: Subject::new(SubjectKind::Client, event.subject.to_string()),
        reason: String::new(),
        retain_until: UnixSeconds(event.retain_until.into()),
    };
    event.refuses(Some(token.rev))
}
