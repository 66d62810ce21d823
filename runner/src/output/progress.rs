//! A run as people follow it on stderr: one line for each thing that ended, and a sign of life when nothing does.

use super::{Palette, narrate};
use crate::apply::Event;
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
    match event {
        Event::Started { tenant, kind, .. } => {
            running.insert((tenant.clone(), *kind), Instant::now());
        }
        Event::Finished { tenant, kind, .. } | Event::Skipped { tenant, kind, .. } => {
            running.remove(&(tenant.clone(), *kind));
        }
        Event::Failed { failure, .. } => {
            running.remove(&(failure.tenant.clone(), failure.kind));
        }
    }
}

fn line(event: &Event, palette: &Palette) -> Option<String> {
    Some(match event {
        Event::Started { .. } => return None,
        Event::Finished {
            tenant,
            kind,
            op,
            elapsed,
        } => {
            let done = palette.paint(palette.good, format_args!("{:>3}", op.symbol()));
            let time = palette.paint(
                palette.faint,
                format_args!("{:.1} s", elapsed.as_secs_f64()),
            );
            format!("{tenant:<12} {done} {:<18} {time}", kind.label())
        }
        Event::Failed { failure, elapsed } => {
            let failed = palette.paint(palette.bad, "failed");
            let (tenant, kind, error) = (&failure.tenant, failure.kind.label(), &failure.error);
            format!(
                "{tenant:<12} {failed} {kind} after {:.1} s: {error}",
                elapsed.as_secs_f64()
            )
        }
        Event::Skipped {
            tenant,
            kind,
            because,
            ..
        } => {
            let skipped = palette.paint(palette.warn, "skipped");
            format!(
                "{tenant:<12} {skipped} {}, as the {} failed",
                kind.label(),
                because.label()
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
