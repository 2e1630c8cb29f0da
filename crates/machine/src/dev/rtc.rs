//! The real-time clock: Goldfish's, counting nanoseconds since 1970 from a configured date, in virtual time.
//!
//! Source: Android Goldfish virtual hardware documentation, "goldfish_rtc".

use super::{Context, Device, NS_PER_TICK};
use crate::lines::Lines;
use crate::state_fields;

const TIME_LOW: u64 = 0x00;
const TIME_HIGH: u64 = 0x04;
const ALARM_LOW: u64 = 0x08;
const ALARM_HIGH: u64 = 0x0c;
const IRQ_ENABLED: u64 = 0x10;
const CLEAR_ALARM: u64 = 0x14;
const ALARM_STATUS: u64 = 0x18;
const CLEAR_INTERRUPT: u64 = 0x1c;

/// A Goldfish real-time clock.
#[derive(Debug)]
pub struct Rtc {
    source: u32,
    /// What the clock reads at tick 0; wraps around when a guest sets an early date late.
    start_ns: u64,
    /// The high half that goes with the last `TIME_LOW` read.
    latched_high: u32,
    alarm_ns: u64,
    alarm_set: bool,
    /// The tick at which a set alarm rings; 0 when none is set.
    alarm_tick: u64,
    irq_enabled: bool,
    irq_pending: bool,
}

state_fields!(Rtc { start_ns, latched_high, alarm_ns, alarm_set, alarm_tick, irq_enabled, irq_pending });

impl Rtc {
    /// A clock that reads `start_ns` at tick 0 and drives PLIC source `source`.
    pub fn new(source: u32, start_ns: u64) -> Rtc {
        Rtc {
            source,
            start_ns,
            latched_high: 0,
            alarm_ns: 0,
            alarm_set: false,
            alarm_tick: 0,
            irq_enabled: false,
            irq_pending: false,
        }
    }

    fn now_ns(&self, mtime: u64) -> u64 {
        self.start_ns.wrapping_add(mtime.wrapping_mul(NS_PER_TICK))
    }

    fn set_now_ns(&mut self, value: u64, mtime: u64) {
        self.start_ns = value.wrapping_sub(mtime.wrapping_mul(NS_PER_TICK));
    }

    fn check_alarm(&mut self, context: &mut Context<'_>) {
        let ahead_ns = self.alarm_ns.saturating_sub(self.now_ns(context.mtime));
        if self.alarm_set && ahead_ns == 0 {
            self.alarm_set = false;
            self.irq_pending = true;
        }
        let tick = context.mtime.saturating_add(ahead_ns.div_ceil(NS_PER_TICK));
        self.alarm_tick = if self.alarm_set { tick } else { 0 };
        self.drive(context.lines);
    }

    fn drive(&self, lines: &mut Lines) {
        lines.set_source(self.source, self.irq_pending && self.irq_enabled);
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0)
}

fn join(high: u64, low: u64) -> u64 {
    high << 32 | low & u64::from(u32::MAX)
}

impl Device for Rtc {
    fn read(&mut self, offset: u64, size: u8, context: &mut Context<'_>) -> Option<u64> {
        if size != 4 {
            return None;
        }
        let value = match offset {
            TIME_LOW => {
                let now = self.now_ns(context.mtime);
                self.latched_high = low(now >> 32);
                low(now)
            }
            TIME_HIGH => self.latched_high,
            ALARM_LOW => low(self.alarm_ns),
            ALARM_HIGH => low(self.alarm_ns >> 32),
            IRQ_ENABLED => u32::from(self.irq_enabled),
            ALARM_STATUS => u32::from(self.alarm_set),
            _ => 0,
        };
        Some(u64::from(value))
    }

    fn write(&mut self, offset: u64, size: u8, value: u64, context: &mut Context<'_>) -> Option<()> {
        if size != 4 {
            return None;
        }
        let now = self.now_ns(context.mtime);
        match offset {
            TIME_LOW => self.set_now_ns(join(now >> 32, value), context.mtime),
            TIME_HIGH => self.set_now_ns(join(value, now), context.mtime),
            ALARM_LOW => {
                self.alarm_ns = join(self.alarm_ns >> 32, value);
                self.alarm_set = true;
            }
            ALARM_HIGH => self.alarm_ns = join(value, self.alarm_ns),
            IRQ_ENABLED => self.irq_enabled = value & 1 != 0,
            CLEAR_ALARM => self.alarm_set = false,
            CLEAR_INTERRUPT => self.irq_pending = false,
            _ => {}
        }
        self.check_alarm(context);
        Some(())
    }

    fn due(&self) -> Option<u64> {
        self.alarm_set.then_some(self.alarm_tick)
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        self.check_alarm(context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::script::{Step, run};
    use Step::{At, Low, R, Raised, W};

    const START: u64 = 0x18_8000_0000_0000;

    fn check(steps: &[Step<'_>]) {
        run(&mut Rtc::new(11, START), 11, steps, |_, _, _| {});
    }

    #[test]
    fn reads_the_configured_date_plus_virtual_time() {
        check(&[R(0, 4, 0), R(4, 4, 0x18_8000), At(10_000_000), R(0, 4, 1_000_000_000), R(4, 4, 0x18_8000)]);
        check(&[At(0x1_0000_0000), R(4, 4, 0), R(0, 4, 0), R(4, 4, 0x18_8064)]);
    }

    #[test]
    fn time_can_be_set() {
        check(&[At(50), W(4, 4, 7), W(0, 4, 9), R(0, 4, 9), R(4, 4, 7), At(51), R(0, 4, 109)]);
    }

    #[test]
    fn alarm_rings_at_its_tick() {
        let set = [W(0x10, 4, 1), W(0x0c, 4, 0x18_8000), W(0x08, 4, 1000), R(0x18, 4, 1), Low];
        let ring = [At(9), Low, At(10), Raised, R(0x18, 4, 0), W(0x1c, 4, 0), Low];
        check(&set.into_iter().chain(ring).collect::<Vec<_>>());
        let mut rtc = Rtc::new(11, START);
        run(&mut rtc, 11, &set, |_, _, _| {});
        assert_eq!(rtc.due(), Some(10));
    }

    #[test]
    fn a_past_alarm_rings_at_once_and_only_when_enabled() {
        check(&[At(20), W(0x08, 4, 1), Low, R(0x18, 4, 0), W(0x10, 4, 1), Raised]);
        check(&[W(0x0c, 4, u64::MAX), W(0x08, 4, 1), W(0x14, 4, 0), R(0x18, 4, 0), W(0x10, 4, 1), Low]);
    }
}
