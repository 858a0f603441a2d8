//! What holds after any stream of events, however it falls into batches.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{ledger::Ledger, world::World};
use crate::domain::{
    catalog::Catalog,
    conversion::Conversion,
    decide::{Changes, Effect, Event, Stamp, Verdict, decide},
    params::Params,
    postback::Postback,
    status::Status,
    working_set::SUSPICION_MILLIS,
};

/// Milliseconds that pass before a line, and the line; see `world` for the language.
pub(crate) type Step = (i64, String);

/// Some merchant's message. Few players, few words, so that messages meet each other.
fn message() -> impl Strategy<Value = String> {
    let verb = select(vec!["conv", "conv", "conv", "change", "change", "addchange"]);
    let player = select(vec!["acme-1", "acme-2", "acme-3", "wary-1", "old-1", "trusted-1"]);
    let goal =
        select(vec!["reg", "ftd", "ftd", "rdep", "rdep", "revshare", "vip", "level", "level", "level"]);
    let money = select(vec!["", " 10 EUR", " 10 EUR", " 10 EUR", " 20 EUR", " 10 USD"]);
    let status = select(vec!["", "", " conv_status=approved", " conv_status=rejected"]);
    let transaction = select(vec!["", "", " transaction_id=T1", " transaction_id=T2"]);
    let extra = select(vec!["", "", "", " event_time=1795168700", " note=x", " dry_run=1"]);
    (verb, player, goal, money, status, transaction, extra)
        .prop_map(|(v, p, g, m, s, t, e)| format!("{v} {p} {g}{m}{s}{t}{e}"))
}

/// Somebody's postback in a dialect without tokens, which names the player by click or by user.
fn report() -> impl Strategy<Value = String> {
    let player = select(vec![
        "clickid=acme-1",
        "clickid=acme-3",
        "clickid=old-1",
        "clickid=plain-1",
        "user_id=ann&spot=acme-spot",
        "user_id=ann&spot=acme-spot",
        "user_id=bob&spot=acme-spot",
        "user_id=ann&spot=old-spot",
    ]);
    let goal = select(vec!["reg", "dep", "dep", "redep", "vip", "level", "nothing"]);
    let money = select(vec!["", "&sum=10", "&sum=10", "&sum=20", "&sum=10&currency=USD"]);
    let extra = select(vec!["", "", "", "&playerid=7", "&transaction_id=T1", "&ow=7", "&dry_run=1"]);
    (player, goal, money, extra).prop_map(|(p, g, m, e)| format!("say mvp {p}&goal={g}{m}{e}"))
}

/// A stream, in the middle of which the player `acme-3` clicks, and later `ann` and `bob`.
pub(crate) fn stream() -> impl Strategy<Value = Vec<Step>> {
    let wait = select(vec![0, 0, 0, 1, 20_000, 60_000]);
    let line = prop_oneof![3 => message(), 1 => report()];
    (vec((wait, line), 1..50), any::<[prop::sample::Index; 4]>()).prop_map(|(mut steps, middles)| {
        let clicks = [
            "acme-3 acme lotus",
            "acme-4 acme lotus user_id=ann",
            "acme-5 acme lotus user_id=ann",
            "old-3 old lotus user_id=ann",
        ];
        for (click, middle) in clicks.iter().zip(middles) {
            steps.insert(middle.index(steps.len()), (0, format!("click {click}")));
        }
        steps
    })
}

/// The events of those steps that can be read, stamped.
pub(crate) fn events(world: &mut World, steps: &[Step]) -> Vec<(Event, Stamp)> {
    let mut events = Vec::new();
    for (wait, line) in steps {
        world.now = world.now.plus_millis(*wait);
        events.extend(world.read(line).ok().map(|event| (event, world.stamp())));
    }
    events
}

/// Decides a batch by what it may load, and records what follows.
fn submit(catalog: &Catalog, ledger: &mut Ledger, batch: &[(Event, Stamp)]) -> Vec<(Verdict, Changes)> {
    let mut known = ledger.load(catalog, batch.iter().map(|(event, _)| event), batch[0].1.at);
    let mut decided = Vec::new();
    for (event, stamp) in batch {
        let (verdict, changes) = decide(catalog, &known, event, *stamp);
        known.apply(&changes);
        decided.push((verdict, changes));
    }
    for (_, changes) in &decided {
        ledger.apply(changes);
    }
    decided
}

/// Plays a stream, one event a batch.
pub(crate) fn play(steps: &[Step]) -> (World, Vec<(Event, Stamp, Verdict, Changes)>) {
    let mut world = World::new();
    let mut played = Vec::new();
    for (event, stamp) in events(&mut world, steps) {
        let batch = [(event, stamp)];
        let [(verdict, changes)] = submit(&world.catalog, &mut world.ledger, &batch).try_into().unwrap();
        let [(event, stamp)] = batch;
        played.push((event, stamp, verdict, changes));
    }
    (world, played)
}

/// Whether a retry of it can be recognised.
fn is_safe_to_retry(postback: &Postback, conversion: &Conversion) -> bool {
    !postback.dry_run && (conversion.once || postback.transaction.is_some())
}

/// A verdict without the extra parameters, which a conversion carries only in the batch that recorded it.
pub(crate) fn facts(verdict: &Verdict) -> Verdict {
    let mut verdict = verdict.clone();
    if let Verdict::Accepted { conversion, .. } = &mut verdict {
        conversion.extra = Params::new();
    }
    verdict
}

/// Plays these events in batches of these sizes and in batches of one, and expects the same.
fn check_batches(steps: &[Step], sizes: &[usize]) -> Result<(), TestCaseError> {
    let (one_by_one, played) = play(steps);
    let mut batched = World::new();
    let events = events(&mut batched, steps);
    let mut rest = &events[..];
    let mut verdicts = Vec::new();
    for size in sizes.iter().cycle() {
        let (batch, later) = rest.split_at(rest.len().min(*size));
        if batch.is_empty() {
            break;
        }
        verdicts.extend(submit(&batched.catalog, &mut batched.ledger, batch).into_iter().map(|(v, _)| v));
        rest = later;
    }
    for ((event, _, expected, _), got) in played.iter().zip(&verdicts) {
        prop_assert_eq!(facts(got), facts(expected), "{:?}", event);
    }
    prop_assert_eq!(batched.ledger, one_by_one.ledger);
    Ok(())
}

#[test]
fn decisions_of_one_batch_leave_the_last_pending_conversion_in_sight() {
    let levels = ["T1", "T2", "T3"].map(|id| format!("conv acme-1 level transaction_id={id}"));
    let decisions =
        ["T1", "T2"].map(|id| format!("change acme-1 level conv_status=approved transaction_id={id}"));
    let last = String::from("change acme-1 level conv_status=approved");
    let lines = levels.into_iter().chain(decisions).chain([last]);
    let steps: Vec<_> = lines.map(|line| (SUSPICION_MILLIS + 1, line)).collect();
    check_batches(&steps, &[3]).unwrap();
}

proptest! {
    #[test]
    fn how_events_fall_into_batches_changes_nothing(steps in stream(), sizes in vec(1..9_usize, 1..6)) {
        check_batches(&steps, &sizes)?;
    }

    #[test]
    fn what_is_reached_once_or_told_by_an_id_is_recorded_once(steps in stream()) {
        let (world, _) = play(&steps);
        let conversions = &world.ledger.conversions;
        for (at, one) in conversions.iter().enumerate() {
            for other in &conversions[..at] {
                let same_goal = (&one.merchant, &one.goal) == (&other.merchant, &other.goal);
                prop_assert!(!(same_goal && one.once && one.click == other.click), "{one:?} {other:?}");
                let same_id = one.transaction.is_some() && one.transaction == other.transaction;
                prop_assert!(!(same_goal && same_id), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn the_history_of_a_conversion_is_a_chain_that_ends_where_it_stands(steps in stream()) {
        let (world, _) = play(&steps);
        for conversion in &world.ledger.conversions {
            let mut status = None;
            let mut count = 0;
            for step in world.ledger.history_of(conversion.id) {
                count += 1;
                prop_assert_eq!((step.step, step.from), (count, status));
                prop_assert_ne!(step.from, Some(step.to));
                status = Some(step.to);
            }
            prop_assert_eq!((status, count), (Some(conversion.status), conversion.steps));
            prop_assert_eq!(conversion.decided_at.is_none(), conversion.status == Status::Pending);
        }
        let steps: i32 = world.ledger.conversions.iter().map(|c| c.steps).sum();
        prop_assert_eq!(world.ledger.history.len(), usize::try_from(steps).unwrap());
    }

    #[test]
    fn a_decided_conversion_is_never_changed_by_a_merchant(steps in stream()) {
        let (world, played) = play(&steps);
        let mut decided: Vec<Conversion> = Vec::new();
        for (.., changes) in &played {
            for changed in &changes.decided {
                prop_assert!(decided.iter().all(|c| c.id != changed.id), "{changed:?}");
            }
            let finals = changes.conversions().filter(|c| c.status != Status::Pending);
            decided.extend(finals.cloned());
        }
        for decided in decided {
            let now = world.ledger.conversions.iter().find(|c| c.id == decided.id).unwrap();
            let now = Conversion { extra: decided.extra.clone(), ..now.clone() };
            prop_assert_eq!(now, decided);
        }
    }

    #[test]
    fn replaying_what_was_accepted_is_a_duplicate_and_changes_nothing(steps in stream()) {
        let (mut world, played) = play(&steps);
        for (event, _, verdict, _) in &played {
            let Event::Postback { postback, .. } = event else { continue };
            let Verdict::Accepted { conversion, .. } = verdict else { continue };
            if is_safe_to_retry(postback, conversion) {
                let (again, changes) = world.submit(event);
                let Verdict::Accepted { conversion: same, effect, .. } = again else {
                    return Err(TestCaseError::fail(format!("{event:?} -> {again:?}")));
                };
                prop_assert_eq!((same.id, effect), (conversion.id, Effect::Duplicate));
                prop_assert_eq!(changes, Changes::default());
            }
        }
    }

    #[test]
    fn a_dry_run_gives_the_verdict_of_the_real_thing_and_changes_nothing(
        steps in stream(), line in message(),
    ) {
        let (mut world, _) = play(&steps);
        let Ok(Event::Postback { merchant, postback }) = world.read(&line) else { return Ok(()) };
        let stamp = world.stamp();
        let try_it = |dry_run| {
            let postback = Postback { dry_run, ..postback.clone() };
            let event = Event::Postback { merchant: merchant.clone(), postback };
            let known = world.ledger.load(&world.catalog, [&event], stamp.at);
            decide(&world.catalog, &known, &event, stamp)
        };
        let ((dry, dry_changes), (mut real, _)) = (try_it(true), try_it(false));
        if let Verdict::Accepted { dry_run, .. } = &mut real {
            *dry_run = true;
        }
        prop_assert_eq!(dry, real);
        prop_assert_eq!(dry_changes, Changes::default());
    }

    #[test]
    fn only_a_refusal_a_duplicate_and_a_dry_run_change_nothing(steps in stream()) {
        for (_, _, verdict, changes) in play(&steps).1 {
            let is_idle = matches!(
                verdict,
                Verdict::Refused(_)
                    | Verdict::Accepted { effect: Effect::Duplicate, .. }
                    | Verdict::Accepted { dry_run: true, .. }
            );
            prop_assert_eq!(changes == Changes::default(), is_idle);
        }
    }
}
