//! Logged requests that are put through the door again, after the cause of their refusal is mended.
//!
//! It has the effect that the merchant's sending it again would have: the same parameters, read and decided by
//! what is configured and recorded by then, for the merchant and in the dialect that the request had. Nobody is
//! asked for its token, address or signature again. It happens once: what led to a conversion before is a
//! duplicate of that.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::{
    Shared,
    access::Caller,
    answer, dialect,
    logged::{advice, is_refusal, params_of},
    problem::Problem,
};
use crate::{
    clock::new_uuid,
    domain::{
        catalog::Catalog,
        decide::{Event, Verdict},
        dialect::{Context, Dialect},
        ids::{ConversionId, DialectId, RequestId},
        merchant::Merchant,
        params::Params,
        postback::{Postback, Proof},
        refusal::{Code, Refusal},
        repetition::Repetition,
        report::Report,
    },
    ingest::{Answer, AuditEntry, LogEntry, Submission},
    storage::LogRow,
};

/// How many requests are processed again at the behest of one.
pub(super) const BULK_REPEATS_MAX: u32 = 1_000;

/// How many of them wait for a writer at the same time.
const REPEATS_AT_ONCE: usize = 256;

/// The outcomes of requests whose parameters could not all be read.
const UNREAD: [&str; 4] = ["malformed_query", "body_too_large", "body_timeout", "unsupported_media_type"];

/// The outcome of a request that can't be processed again.
pub(super) const NOT_REPEATABLE: &str = "not_repeatable";

/// Processes requests again, or tries what would come of it.
pub(super) struct Again<'a> {
    shared: &'a Shared,
    caller: &'a Caller,
    catalog: Arc<Catalog>,
    dry_run: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Repeated {
    /// `recorded`, `decided`, `duplicate`, `dry_run`, the code of the refusal, or [`NOT_REPEATABLE`].
    pub(super) outcome: String,
    /// What has to be changed, where it was refused.
    pub(super) detail: Option<String>,
    /// The conversion that it is about; none for one that is only tried.
    pub(super) conversion: Option<ConversionId>,
    /// That conversion as the merchant would be told of it, where it was only tried.
    pub(super) tried: Option<Value>,
    /// Its entry in the postback log; none where it was only tried.
    pub(super) logged: Option<RequestId>,
}

impl Repeated {
    /// Whether it stands as the merchant wanted it.
    pub(super) fn is_success(&self) -> bool {
        !is_refusal(&self.outcome)
    }

    fn refused(outcome: &str, detail: String) -> Self {
        let detail = Some(detail);
        Self { outcome: outcome.to_owned(), detail, conversion: None, tried: None, logged: None }
    }
}

/// A request that can be processed again, by its first arrival.
struct Repeatable<'a> {
    row: &'a LogRow,
    dialect: Arc<Dialect>,
    /// Whose it was; nobody's where its dialect needs no token and nothing else told.
    merchant: Option<&'a Arc<Merchant>>,
    sent: Params,
    proof: Proof,
    is_admitted: bool,
}

impl<'a> Repeatable<'a> {
    /// A logged request, or why it can't be processed again.
    fn of(
        row: &'a LogRow,
        catalog: &'a Catalog,
        ready_made: &HashMap<DialectId, Arc<Dialect>>,
    ) -> Result<Self, String> {
        let code = Code::parse(&row.outcome);
        if UNREAD.contains(&row.outcome.as_str()) {
            return Err(resend("It could not be read, so what is kept may not be what was sent."));
        }
        if code == Some(Code::DuplicateParameter) {
            return Err(resend("It named a parameter twice, so nobody knows which it meant."));
        }
        let dialect = dialect::spoken_at(&row.endpoint, catalog, ready_made)
            .ok_or_else(|| format!("What is sent to {} can't be processed again.", row.endpoint))?;
        let needs_token = dialect.own_words || dialect.token_required;
        if code == Some(Code::InvalidToken) || row.merchant.is_none() && needs_token {
            return Err(resend("Its token was unknown, so nobody knows whose it was."));
        }
        let find = |id| catalog.merchants.get(id).ok_or("Its merchant is no longer there.");
        let merchant = row.merchant.as_ref().map(find).transpose()?;
        let sent = params_of(row);
        let proof = proof(row, code, &dialect, merchant, &sent)
            .ok_or_else(|| resend("It was not signed rightly, so it may be somebody else's."))?;
        // Where a token is needed, the address is looked at next, before anything else.
        let is_admitted = needs_token && code != Some(Code::IpNotAllowed);
        Ok(Self { row, dialect, merchant, sent, proof, is_admitted })
    }

    /// What it asks for, read anew, with whether it only ever asked what would come of it.
    fn read(&self, again: &Again<'_>) -> Result<(Event, bool), Refusal> {
        let address = self.row.address.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]));
        match self.merchant {
            Some(merchant) if self.is_admitted => merchant.check_active()?,
            Some(merchant) => merchant.admits(address)?,
            None => {}
        }
        let now = again.shared.edge.clock.now();
        let (catalog, dialect, sent) = (&again.catalog, &self.dialect, &self.sent);
        if let (true, Some(merchant)) = (dialect.own_words, self.merchant) {
            let (operation, currencies) = (dialect.operation, &catalog.currencies);
            let postback =
                Postback::parse_translated(operation, merchant, currencies, sent, sent, now, self.proof)?;
            let only_asked = postback.dry_run;
            let dry_run = only_asked || again.dry_run;
            let postback = Postback { repeats: Some(self.row.id), dry_run, ..postback };
            return Ok((Event::Postback { merchant: merchant.id.clone(), postback }, only_asked));
        }
        let player = Report::check(dialect, sent, catalog)?;
        let only_asked = dialect.translate(sent, Context::default()).given("dry_run") == Some("1");
        let repetition = Repetition {
            request: self.row.id,
            at: self.row.at,
            is_admitted: self.is_admitted,
            is_proved: self.proof == Proof::Given,
            dry_run: again.dry_run,
        };
        let report = Report {
            dialect: Arc::clone(dialect),
            sender: self.merchant.map(|merchant| merchant.id.clone()),
            player,
            offer_name: dialect.offer(sent, catalog).map(|offer| offer.name.clone()),
            sent: sent.clone(),
            address,
            repetition: Some(repetition),
        };
        Ok((Event::Report(report), only_asked))
    }

    /// A refusal in the words of whoever sent it.
    fn worded(&self, request: RequestId, refusal: &Refusal) -> Answer {
        if self.dialect.own_words {
            return answer::refused(request, refusal);
        }
        dialect::of_problem(&self.dialect, &request.to_string(), &Problem::from(refusal), &self.sent)
    }

    fn log_entry(&self) -> LogEntry {
        let row = self.row;
        LogEntry {
            merchant: row.merchant.clone(),
            strangers: None,
            endpoint: row.endpoint.as_str().into(),
            method: row.method.clone(),
            params: row.params.clone(),
            click: row.click.clone(),
            address: row.address.clone(),
            received: Instant::now(),
            repeats: Some(row.id),
            signed: row.signed,
        }
    }
}

fn resend(why: &str) -> String {
    format!("{why} The merchant has to send it again.")
}

/// What the signature of a logged request has to prove; nothing where it is known to be wrong, or can't be told.
fn proof(
    row: &LogRow,
    code: Option<Code>,
    dialect: &Dialect,
    merchant: Option<&Arc<Merchant>>,
    sent: &Params,
) -> Option<Proof> {
    let was_asked = dialect.own_words && !code.is_some_and(Code::precedes_signature);
    let is_whole = !sent.iter().any(|(name, _)| dialect.is_token(name));
    match row.signed {
        _ if code == Some(Code::InvalidSignature) => None,
        Some(signed) => signed.then_some(Proof::Given),
        None if was_asked => Some(Proof::Given),
        // Its token is signed too, and not kept.
        None if is_whole => Some(Proof::AskedAt(row.at)),
        None => {
            let is_asked =
                merchant.is_some_and(|merchant| merchant.require_signature) || sent.given("sig").is_some();
            (!is_asked).then_some(Proof::Given)
        }
    }
}

/// Why a logged request can't be processed again; nothing if it can.
pub(super) fn impossible(row: &LogRow, shared: &Shared) -> Option<String> {
    let catalog = Arc::clone(&shared.edge.catalog.borrow());
    Repeatable::of(row, &catalog, &shared.edge.ready_made).err()
}

impl<'a> Again<'a> {
    /// By the configuration of this very moment.
    pub(super) async fn new(shared: &'a Shared, caller: &'a Caller, dry_run: bool) -> Result<Self, Problem> {
        let catalog = shared.catalog().await?;
        Ok(Self { shared, caller, catalog, dry_run })
    }

    /// Processes logged requests again, oldest first, as they came. Of one that is a repetition itself, its first
    /// arrival is. Gives what came of each, by the row's own id.
    pub(super) async fn all(&self, rows: Vec<LogRow>) -> Result<HashMap<RequestId, Repeated>, Problem> {
        let first = |row: &LogRow| row.repeats.unwrap_or(row.id);
        let asked: Vec<_> = rows.iter().map(|row| (row.id, first(row))).collect();
        let mut firsts: BTreeMap<_, _> =
            rows.into_iter().filter(|row| row.repeats.is_none()).map(|row| (row.id, row)).collect();
        let missing: Vec<_> =
            asked.iter().map(|(_, first)| *first).filter(|id| !firsts.contains_key(id)).collect();
        for row in self.shared.edge.storage.logged(missing).await? {
            firsts.insert(row.id, row);
        }
        let repeated: HashMap<_, _> = stream::iter(firsts.into_values())
            .map(|row| async move { Ok::<_, Problem>((row.id, self.one(&row).await?)) })
            .buffered(REPEATS_AT_ONCE)
            .try_collect()
            .await?;
        let of = |(id, first): (RequestId, RequestId)| Some((id, repeated.get(&first)?.clone()));
        Ok(asked.into_iter().filter_map(of).collect())
    }

    async fn one(&self, row: &LogRow) -> Result<Repeated, Problem> {
        let repeatable = match Repeatable::of(row, &self.catalog, &self.shared.edge.ready_made) {
            Ok(repeatable) => repeatable,
            Err(why) => return Ok(Repeated::refused(NOT_REPEATABLE, why)),
        };
        let read = repeatable.read(self);
        if self.dry_run { self.attempt(read).await } else { self.submit(&repeatable, read).await }
    }

    /// Asks the door what would come of it. Nothing is recorded, not even that somebody asked.
    async fn attempt(&self, read: Result<(Event, bool), Refusal>) -> Result<Repeated, Problem> {
        let (event, only_asked) = match read {
            Ok(read) => read,
            Err(refusal) => return Ok(Repeated::refused(refusal.code.as_str(), refusal.detail)),
        };
        let submission = Submission {
            request: RequestId::new(new_uuid(self.shared.edge.clock.now())),
            event: Ok(event),
            log: None,
            audit: None,
            render: tried,
        };
        let answer = self.shared.edge.ingest.submit(submission).await?;
        let document: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let only_asked = only_asked && !is_refusal(answer.outcome);
        Ok(Repeated {
            outcome: if only_asked { "dry_run" } else { answer.outcome }.to_owned(),
            detail: advice(answer.outcome, &answer.body),
            conversion: answer.conversion,
            tried: document.get("conversion").cloned(),
            logged: None,
        })
    }

    async fn submit(
        &self,
        repeatable: &Repeatable<'_>,
        read: Result<(Event, bool), Refusal>,
    ) -> Result<Repeated, Problem> {
        let request = RequestId::new(new_uuid(self.shared.edge.clock.now()));
        let audit = AuditEntry {
            actor: self.caller.actor.clone(),
            address: self.caller.address.to_string(),
            action: "postback.reprocess",
            subject: format!("request:{}", repeatable.row.id),
        };
        let submission = Submission {
            request,
            event: match read {
                Ok((event, _)) => Ok(event),
                Err(refusal) => Err(repeatable.worded(request, &refusal)),
            },
            log: Some(repeatable.log_entry()),
            audit: Some(audit),
            render: if repeatable.dialect.own_words { answer::render } else { dialect::render },
        };
        let answer = self.shared.edge.ingest.submit(submission).await?;
        Ok(Repeated {
            outcome: answer.outcome.to_owned(),
            detail: advice(answer.outcome, &answer.body),
            conversion: answer.conversion,
            tried: None,
            logged: Some(request),
        })
    }
}

/// Tells what would come of a request, in the words of a merchant's answer but with what it would have done.
fn tried(event: &Event, request: RequestId, verdict: &Verdict) -> Answer {
    let answer = answer::render(event, request, verdict);
    match verdict {
        Verdict::Accepted { effect, .. } => Answer { outcome: answer::outcome(*effect, false), ..answer },
        _ => answer,
    }
}
