//! What a run of hits costs beyond the look-ups themselves. Not a benchmark: a bound, loose enough for a busy machine,
//! that a task or a copy of the plan per step would break.

use std::time::{Duration, Instant};

use airtight_exec::Run;

use crate::draft::{Draft, mount, output_of};
use crate::fakes::Silent;
use crate::world::World;

// A thousand cached steps go through the driver in some milliseconds, whatever their shape.
#[tokio::test]
async fn a_thousand_hits_take_milliseconds() {
    let mut plan = Draft::new();
    for i in 0..1_000u32 {
        plan = plan.step(&format!("step-{i}"), |step| {
            if i % 10 != 0 {
                mount(step, "/in", output_of(i - 1));
            }
        });
    }
    let plan = plan.done();
    let world = World::new();
    world.run(&plan).await;
    let mut times = Vec::new();
    for _ in 0..5 {
        let services = airtight_exec::Services {
            events: std::sync::Arc::new(Silent),
            ..world.services()
        };
        let begun = Instant::now();
        let report = Run::start(plan.clone(), services, world.options.clone(), world.cancel.clone()).await;
        times.push(begun.elapsed());
        assert_eq!(report.summary.full, 1_000);
    }
    times.sort_unstable();
    let bound = if cfg!(debug_assertions) {
        Duration::from_millis(400)
    } else {
        Duration::from_millis(100)
    };
    assert!(times[0] < bound, "{times:?}");
}
