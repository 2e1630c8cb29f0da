//! Generated workloads: Poisson arrivals, fork-join, bag of tasks, mixed.

use super::ConfigError;
use super::build::Builder;
use super::spec::{Generate, Source};
use crate::rng::Rng;
use crate::sim::{Dist, Op, Program, SyncRef};
use crate::unit::Ns;
use serde_spanned::Spanned;

const JOBS_MAX: usize = 1_000_000;

pub(super) fn generate(
    given: &Spanned<Generate>,
    cpus: usize,
    builder: &mut Builder,
    rng: &mut Rng,
) -> Result<(), ConfigError> {
    let (span, given) = (given.span(), given.get_ref());
    let jobs = *given.jobs.get_ref();
    if jobs == 0 || jobs > JOBS_MAX {
        return Err(ConfigError::new(
            given.jobs.span(),
            format!("1 to {JOBS_MAX} jobs can be generated"),
            "",
        ));
    }
    let width = given.width.as_ref().map_or(cpus, |width| *width.get_ref());
    if width == 0 || !builder.has_room(width.saturating_mul(jobs), 4 * JOBS_MAX) {
        let span = given.width.as_ref().map_or(span, Spanned::span);
        return Err(ConfigError::new(span, "a job has at least one thread, all jobs at most 4,000,000", ""));
    }
    let compute = given.compute.map_or(Dist::Exp(Ns::ms(10)), |times| times.0);
    let rounds = given.rounds.as_ref().map_or(1, |rounds| *rounds.get_ref()).max(1);
    let serial = given.serial.as_ref().map_or(0.0, |serial| *serial.get_ref());
    if !(0.0..=1.0).contains(&serial) {
        let span = given.serial.as_ref().map_or(0..0, Spanned::span);
        return Err(ConfigError::new(span, "the serial part is between 0 and 1", ""));
    }
    let work_ns = mean_ns(compute) * f64::from(rounds);
    let threads = if given.kind == Source::ForkJoin { width } else { 1 };
    let between = match (&given.load, given.between) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::new(
                span,
                "`load` and `between` say the same thing",
                "give one of them",
            ));
        }
        (Some(load), None) if !(0.001..100.0).contains(load.get_ref()) => {
            return Err(ConfigError::new(load.span(), "a load is more than 0; 1 keeps all CPUs busy", ""));
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of threads")]
        (Some(load), None) => Dist::Exp(ns(work_ns * threads as f64 / cpus as f64 / load.get_ref())),
        (None, Some(between)) => between.0,
        (None, None) => Dist::Fixed(Ns::ZERO),
    };
    let kib = given.working_set.map_or(0, |kib| kib.0);
    let round = |ops: &[Op]| -> Program {
        let mut program = vec![Op::Repeat(rounds)];
        program.extend_from_slice(ops);
        program.push(Op::End(0));
        program
    };
    let io = given.io.map_or(Dist::Exp(Ns::ms(5)), |times| times.0);
    let barrier = Op::Barrier(SyncRef::Local(0));
    let single = builder.generated(round(&[Op::Compute(compute)]), &span);
    let shared = builder.generated(round(&[Op::Compute(compute), barrier]), &span);
    let interactive = builder.generated(round(&[Op::Compute(scaled(compute, 0.1)), Op::Io(io)]), &span);
    let alone = builder.generated(
        vec![
            Op::Compute(Dist::Fixed(ns(work_ns * serial))),
            barrier,
            Op::Repeat(rounds),
            Op::Compute(compute),
            barrier,
            Op::End(0),
        ],
        &span,
    );
    let others = builder
        .generated(vec![barrier, Op::Repeat(rounds), Op::Compute(compute), barrier, Op::End(0)], &span);
    let mut arrival = Ns::ZERO;
    for job in 0..jobs {
        if job > 0 {
            arrival += between.draw(rng);
        }
        let first = builder.workload.tasks.len();
        match (given.kind, job % 3) {
            (Source::Poisson | Source::Bag, _) => {
                builder.generated_job(&format!("J{job}"), 1, single, arrival, 0, &span);
            }
            (Source::ForkJoin, _) => {
                builder.generated_job(&format!("F{job}"), width, others, arrival, 1, &span);
                builder.workload.tasks[first].program = alone;
            }
            (Source::Mixed, 0) => {
                builder.generated_job(&format!("G{job}"), 1 + rng.below(width), shared, arrival, 1, &span)
            }
            (Source::Mixed, 1) => {
                builder.generated_job(&format!("I{job}"), 1, interactive, arrival, 0, &span)
            }
            (Source::Mixed, _) => builder.generated_job(&format!("B{job}"), 1, single, arrival, 0, &span),
        }
        for task in &mut builder.workload.tasks[first..] {
            task.working_set_kib = kib;
        }
    }
    Ok(())
}

fn scaled(dist: Dist, by: f64) -> Dist {
    Dist::Exp(ns(mean_ns(dist) * by))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; the cast saturates")]
fn ns(value: f64) -> Ns {
    Ns(value.round() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn mean_ns(dist: Dist) -> f64 {
    dist.mean().0 as f64
}
