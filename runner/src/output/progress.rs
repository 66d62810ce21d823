//! A run as people follow it on stderr: one line for each thing that ended, and a sign of life when nothing does.

use super::{Palette, count, narrate};
use crate::apply::{Event, Failure, Item};
use crate::manifest::TenantId;
use crate::resource::Kind;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// After this long without an event, what is under way is named.
const SILENCE: Duration = Duration::from_secs(10);

/// Writes a line for each event until the run is over.
pub async fn follow(mut events: UnboundedReceiver<Event>) {
    let palette = Palette::stderr();
    let start = Instant::now();
    let mut running: BTreeMap<(TenantId, Kind), Instant> = BTreeMap::new();
    loop {
        match tokio::time::timeout(SILENCE, events.recv()).await {
            Ok(Some(event)) => {
                note(&event, &mut running);
                if let Some(line) = line(&event, &palette) {
                    narrate(format_args!("{} {line}", stamp(start)));
                }
            }
            Ok(None) => break,
            Err(_) => narrate(format_args!(
                "{} {}",
                stamp(start),
                still(&running, &palette)
            )),
        }
    }
}

fn stamp(start: Instant) -> String {
    format!("[{:>6.1}s]", start.elapsed().as_secs_f64())
}

fn note(event: &Event, running: &mut BTreeMap<(TenantId, Kind), Instant>) {
    let key = |item: &Item| (item.tenant.clone(), item.kind);
    match event {
        Event::Started(item) => {
            running.insert(key(item), Instant::now());
        }
        Event::Finished { item, .. } | Event::Skipped { item, .. } => {
            running.remove(&key(item));
        }
        Event::Failed { failure, .. } => {
            running.remove(&key(&failure.item));
        }
        Event::Healthy { .. } | Event::Halted { .. } => {}
    }
}

fn line(event: &Event, palette: &Palette) -> Option<String> {
    let seconds = |elapsed: &Duration| {
        palette.paint(
            palette.faint,
            format_args!("{:.1} s", elapsed.as_secs_f64()),
        )
    };
    Some(match event {
        Event::Started(_) => return None,
        Event::Finished { item, elapsed } => {
            let done = palette.paint(palette.good, format_args!("{:>3}", item.op.symbol()));
            let (tenant, kind, time) = (&item.tenant, item.kind.label(), seconds(elapsed));
            format!("{tenant:<12} {done} {kind:<18} {time}")
        }
        Event::Failed { failure, elapsed } => {
            let failed = palette.paint(palette.bad, "failed");
            let Failure { item, error } = failure;
            let (tenant, kind) = (&item.tenant, item.kind.label());
            format!(
                "{tenant:<12} {failed} {kind} after {:.1} s: {error}",
                elapsed.as_secs_f64()
            )
        }
        Event::Skipped { item, because } => {
            let skipped = palette.paint(palette.warn, "skipped");
            let (tenant, kind) = (&item.tenant, item.kind.label());
            format!(
                "{tenant:<12} {skipped} {kind}, as the {} failed",
                because.label()
            )
        }
        Event::Halted { by, sites } => {
            let halted = palette.paint(palette.warn, "halted");
            let sites = count(sites.len(), "site");
            format!("the rollout {halted} at {by}: {sites} of later waves left as they were")
        }
        Event::Healthy {
            wave,
            of,
            tenants,
            elapsed,
        } => {
            let healthy = palette.paint(palette.good, "healthy");
            let names: Vec<_> = tenants.iter().map(TenantId::as_str).collect();
            format!(
                "wave {wave} of {of} is {healthy}: {} {}",
                names.join(", "),
                seconds(elapsed)
            )
        }
    })
}

fn still(running: &BTreeMap<(TenantId, Kind), Instant>, palette: &Palette) -> String {
    let shown = running.iter().take(4).map(|((tenant, kind), since)| {
        format!(
            "{tenant} {} ({} s)",
            kind.label(),
            since.elapsed().as_secs()
        )
    });
    let shown: Vec<_> = shown.collect();
    let more = running.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    palette.paint(
        palette.faint,
        format_args!("still working on {}{more}", shown.join(", ")),
    )
}
