//! Networks of convolutions over more steps than whole steps are compared for.

use gansweep_cpu::CpuTrainer;
use gansweep_fixtures::case::Case;
use gansweep_protocol::Metric;
use gansweep_train::Trainer;

#[test]
fn two_hundred_steps_stay_finite_and_teach_the_discriminator_something() {
    for case in Case::all().into_iter().filter(|case| case.name.starts_with("dcgan-")) {
        let mut trainer = CpuTrainer::new(vec![case.lane()], vec![case.initial()], case.images(), 1).unwrap();
        let mut losses = Vec::new();
        while losses.len() < 200 {
            let chunk = trainer.advance(1, false).unwrap().remove(0).unwrap();
            losses.extend(chunk.steps.column(Metric::DLoss));
            assert!(chunk.steps.column(Metric::GLoss)[0].is_finite(), "{}", case.name);
        }
        let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
        let (first, last) = (mean(&losses[..10]), mean(&losses[190..]));
        assert!(losses.iter().all(|loss| loss.is_finite()), "{}", case.name);
        assert!(last < 0.8 * first, "{}: {first} at first, {last} at last", case.name);
    }
}
