//! What a worker would have told of a run.

use gansweep_config::{PlannedRun, RunId};
use gansweep_protocol::{Checkpoint, Diverged, Ended, Envelope, Event, Failed, Metric, Points, Started};

use super::{Fate, NEW_YEAR_MS, Spec, Synthetic};

impl Synthetic {
    /// The events of a run's first attempt.
    pub(super) fn events(&self, spec: &Spec, run: &PlannedRun, attempt: u32, fate: Fate) -> Vec<Envelope> {
        let total = run.total_steps();
        let share = match fate {
            Fate::Completes => 1.0,
            Fate::Diverges(share) | Fate::Fails(share) | Fate::IsInterrupted(share) | Fate::Runs(share) => {
                share
            }
            Fate::Waits => 0.0,
        };
        let end = (share * total as f64) as u64;
        let mut script = Script { run: run.id.clone(), attempt, events: Vec::new() };
        script.say(Event::Started(Started {
            device: "cpu".to_owned(),
            backend: "native x86-64-v4".to_owned(),
            lane: 0,
            lanes: 1,
            pid: 4711,
            host: "bench".to_owned(),
            checkpoint: None,
        }));
        self.training(spec, run, end, &mut script);
        let seconds = end as f64 / 100.0;
        match fate {
            Fate::Completes => script.say(Event::Completed(Ended { step: end, seconds })),
            Fate::Diverges(_) => divergence(end, &mut script),
            Fate::Fails(_) => script.say(Event::Failed(Failed {
                step: end,
                cause: "the worker was killed by signal 9 (out of memory?)".to_owned(),
            })),
            Fate::IsInterrupted(_) => script.say(Event::Interrupted(Ended { step: end, seconds })),
            Fate::Runs(_) | Fate::Waits => {}
        }
        script.events
    }

    fn training(&self, spec: &Spec, run: &PlannedRun, end: u64, script: &mut Script) {
        let total = run.total_steps();
        let per_epoch = u64::from(run.config.steps_per_epoch(&run.spec));
        script.say(self.samples(spec, 0, 0, 0.0));
        let every = total / self.points;
        for step in 1..=end {
            let share = step as f64 / total as f64;
            let epoch_ends = step.is_multiple_of(per_epoch);
            if step.is_multiple_of(every) || epoch_ends {
                script.say(Event::Points(self.points(spec, run, step, epoch_ends)));
            }
            if epoch_ends {
                script.say(self.samples(spec, step, (step / per_epoch) as u32, share));
                script.say(Event::Checkpoint(Checkpoint {
                    step,
                    path: format!("checkpoints/{}/step-{step:08}.safetensors", run.id),
                    bytes: 1000,
                    sha256: "00".repeat(32),
                }));
            }
        }
    }

    fn points(&self, spec: &Spec, run: &PlannedRun, step: u64, epoch_ends: bool) -> Points {
        let share = step as f64 / run.total_steps() as f64;
        let curve = (self.curve)(spec, share);
        let metrics = [
            Metric::DLoss,
            Metric::GLoss,
            Metric::DReal,
            Metric::DFakeBefore,
            Metric::DFakeAfter,
            Metric::GradNormD,
            Metric::GradNormG,
        ];
        let means = [
            Metric::EpochDLoss,
            Metric::EpochGLoss,
            Metric::EpochDReal,
            Metric::EpochDFakeBefore,
            Metric::EpochDFakeAfter,
        ];
        let mut values: Vec<(Metric, f64)> = metrics.into_iter().zip(curve).collect();
        if epoch_ends {
            values.extend(means.into_iter().zip(curve));
        }
        let images = step * u64::from(run.config.train.batch_size);
        values.extend([
            (Metric::Epoch, step as f64 / f64::from(run.config.steps_per_epoch(&run.spec))),
            (Metric::ImagesSeen, images as f64),
            (Metric::Seconds, step as f64 / 100.0),
            (Metric::ImagesPerSecond, 100.0 * f64::from(run.config.train.batch_size)),
        ]);
        Points { step, values }
    }
}

/// Collects one attempt's events.
struct Script {
    run: RunId,
    attempt: u32,
    events: Vec<Envelope>,
}

impl Script {
    fn say(&mut self, event: Event) {
        let seq = self.events.len() as u64;
        let at_unix_ms = NEW_YEAR_MS + 1000 * seq.cast_signed();
        self.events.push(Envelope { run: self.run.clone(), attempt: self.attempt, seq, at_unix_ms, event });
    }
}

fn divergence(end: u64, script: &mut Script) {
    let values = vec![(Metric::DLoss, f64::NAN), (Metric::GLoss, f64::INFINITY)];
    script.say(Event::Points(Points { step: end + 1, values }));
    script.say(Event::Diverged(Diverged {
        step: end + 1,
        cause: "the discriminator's loss became NaN".to_owned(),
        seconds: end as f64 / 100.0,
    }));
}

/// Exact arithmetic alone, so that every machine writes the same digits.
pub(super) fn plain_curve(spec: &Spec, share: f64) -> [f64; 7] {
    let ease = share * (2.0 - share);
    let offset = spec.seed as f64 / 64.0;
    [
        0.5 + ease,
        2.0 - ease + offset,
        0.75 - ease / 4.0,
        0.25 + ease / 8.0,
        0.25 + ease / 4.0,
        1.0 + offset,
        2.0 - offset,
    ]
}
