//! Large plans and the cost of recording. Nothing is asserted on time.

use std::time::Instant;

use gansweep_protocol::Metric;

use super::support::{NEW_YEAR_MS, Script, plan, sweep};
use crate::{Reader, RunFilter, Store};

#[test]
#[ignore = "a measurement: cargo test --release -p gansweep-store -- --ignored --nocapture scale"]
fn the_cost_of_recording_and_reading_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_with_clock(folder.path(), || NEW_YEAR_MS).unwrap();
    let rates: Vec<f64> = (1..=1_000).map(|i| f64::from(i) * 1e-6).collect();
    let runs = plan(&rates, &[128], &(0..10).collect::<Vec<_>>());
    let start = Instant::now();
    store.register_sweep(&sweep("large"), &runs).unwrap();
    println!("{} runs registered in {:.2?}", runs.len(), start.elapsed());
    let (mut points, mut batches, start) = (0, 0, Instant::now());
    for run in &runs[..100] {
        let attempt = store.begin_attempt(&run.id, "cpu").unwrap();
        let mut script = Script::new(run.id.clone(), attempt);
        script.started(0);
        for step in 1..=100 {
            script.points(step * 50, &Metric::ALL.map(|metric| (metric, step as f64)));
            points += Metric::ALL.len();
            if step % 10 == 0 {
                store.record(&script.take()).unwrap();
                batches += 1;
            }
        }
        store.record(&script.checkpoint(5_000).completed(5_000, 1.0).take()).unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{points} points in {batches} batches: {:.0} points/s", f64::from(points as u32) / seconds);
    let reader = Reader::open(folder.path()).unwrap();
    let start = Instant::now();
    let listed = reader.runs(&RunFilter { sweep: Some("large".into()), where_sql: None }).unwrap();
    println!("{} runs listed in {:.2?}", listed.len(), start.elapsed());
    let start = Instant::now();
    let overview = reader.query("SELECT * FROM sweep_overview").unwrap().rows.len();
    println!("{overview} sweep of them counted in {:.2?}", start.elapsed());
    let start = Instant::now();
    let read: usize = runs[..100]
        .iter()
        .flat_map(|run| {
            Metric::ALL.map(|metric| reader.points(&run.id, metric, u64::MAX, usize::MAX).unwrap().len())
        })
        .sum();
    println!("{read} points read in {:.2?}", start.elapsed());
    let start = Instant::now();
    let read: usize = runs[..100].iter().map(|run| reader.summaries(&run.id, u64::MAX).unwrap().len()).sum();
    println!("{read} summaries read in {:.2?}", start.elapsed());
    let bytes = std::fs::metadata(store.path()).unwrap().len();
    println!("{:.1} MB of database", bytes as f64 / 1e6);
}
