//! The events that a worker would have sent for a run.

use gansweep_config::{PlannedRun, RunId};
use gansweep_protocol::{
    BestCheckpoint, Checkpoint, Diverged, Ended, Envelope, Evaluated, Event, Failed, Metric, Points,
    SampleSource, Started,
};

use super::{NEW_YEAR_MS, Outcome, Spec, Synthetic};

impl Synthetic {
    /// The events of a run's first attempt.
    pub(super) fn events(
        &self,
        spec: &Spec,
        run: &PlannedRun,
        attempt: u32,
        outcome: Outcome,
    ) -> Vec<Envelope> {
        let total = run.total_steps();
        let share = match outcome {
            Outcome::Completes => 1.0,
            Outcome::Diverges(share)
            | Outcome::Fails(share)
            | Outcome::IsInterrupted(share)
            | Outcome::Runs(share) => share,
            Outcome::Waits => 0.0,
        };
        let end = (share * total as f64) as u64;
        let mut history = History { run: run.id.clone(), attempt, events: Vec::new() };
        history.push(Event::Started(Started {
            device: "cpu".to_owned(),
            backend: "native x86-64-v4".to_owned(),
            lane: 0,
            lanes: 1,
            pid: 4711,
            host: "bench".to_owned(),
            checkpoint: None,
        }));
        self.training(spec, run, end, &mut history);
        let seconds = end as f64 / 100.0;
        if let Some(figure) = self.figure.filter(|_| outcome == Outcome::Completes) {
            let figures = Metric::figures().map(|metric| (metric, figure(spec, metric))).collect();
            history.push(Event::Evaluated(evaluated(end, figures)));
        }
        match outcome {
            Outcome::Completes => history.push(Event::Completed(Ended { step: end, seconds })),
            Outcome::Diverges(_) => divergence(end, &mut history),
            Outcome::Fails(_) => history.push(Event::Failed(Failed {
                step: end,
                cause: "the worker was killed by signal 9 (out of memory?)".to_owned(),
            })),
            Outcome::IsInterrupted(_) => history.push(Event::Interrupted(Ended { step: end, seconds })),
            Outcome::Runs(_) | Outcome::Waits => {}
        }
        history.events
    }

    fn training(&self, spec: &Spec, run: &PlannedRun, end: u64, history: &mut History) {
        let total = run.total_steps();
        let per_epoch = u64::from(run.config.steps_per_epoch(&run.spec));
        let sources = if run.config.train.ema > 0.0 { &SampleSource::ALL[..] } else { &[SampleSource::Raw] };
        for &source in sources {
            history.push(self.samples(spec, 0, 0, 0.0, source));
        }
        let every = total / self.points;
        for step in 1..=end {
            let share = step as f64 / total as f64;
            let epoch_ends = step.is_multiple_of(per_epoch);
            if step.is_multiple_of(every) || epoch_ends {
                history.push(Event::Points(self.points(spec, run, step, epoch_ends)));
            }
            if epoch_ends {
                for &source in sources {
                    history.push(self.samples(spec, step, (step / per_epoch) as u32, share, source));
                }
                history.push(Event::Checkpoint(Checkpoint {
                    step,
                    path: format!("checkpoints/{}/step-{step:08}.safetensors", run.id),
                    bytes: 1000,
                    sha256: "00".repeat(32),
                    best: self.best_checkpoint(spec, run, (step / per_epoch) as u32).map(Box::new),
                }));
            }
        }
    }

    /// The best checkpoint once an epoch has passed.
    fn best_checkpoint(&self, spec: &Spec, run: &PlannedRun, epoch: u32) -> Option<BestCheckpoint> {
        let best = self.best.filter(|best| *best <= epoch && self.rates.first() == Some(&spec.lr))?;
        Some(BestCheckpoint {
            step: u64::from(best) * u64::from(run.config.steps_per_epoch(&run.spec)),
            path: format!("checkpoints/{}/best.safetensors", run.id),
            bytes: 1000,
            sha256: "00".repeat(32),
            metric: Metric::Fd,
            value: 12.5,
            images: 2000,
            evaluator: "classifier".to_owned(),
        })
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
            (Metric::ImagesPerSecond, (self.speed)(spec)),
        ]);
        Points { step, values }
    }
}

fn evaluated(step: u64, figures: Vec<(Metric, f64)>) -> Evaluated {
    Evaluated {
        step,
        source: SampleSource::Raw,
        images: 2000,
        evaluator: "classifier".to_owned(),
        is_curve: true,
        figures,
        classes: None,
        by_class: None,
    }
}

/// The events of one attempt.
struct History {
    run: RunId,
    attempt: u32,
    events: Vec<Envelope>,
}

impl History {
    fn push(&mut self, event: Event) {
        let seq = self.events.len() as u64;
        let at_unix_ms = NEW_YEAR_MS + 1000 * seq.cast_signed();
        self.events.push(Envelope { run: self.run.clone(), attempt: self.attempt, seq, at_unix_ms, event });
    }
}

fn divergence(end: u64, history: &mut History) {
    let values = vec![(Metric::DLoss, f64::NAN), (Metric::GLoss, f64::INFINITY)];
    history.push(Event::Points(Points { step: end + 1, values }));
    history.push(Event::Diverged(Diverged {
        step: end + 1,
        cause: "the discriminator's loss became NaN".to_owned(),
        seconds: end as f64 / 100.0,
    }));
}

/// Only exact arithmetic, so that the snapshot is the same on every machine.
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
