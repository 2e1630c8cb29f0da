//! Calls as tables: what comes in and what is decided.

use super::*;

struct Node {
    harts: Vec<HartState>,
    console: bool,
}

impl View for Node {
    fn harts(&self) -> &[HartState] {
        &self.harts
    }

    fn memory(&self) -> Range<u64> {
        0x8000_0000..0x8800_0000
    }

    fn console(&self) -> bool {
        self.console
    }

    /// A mask of harts 1 and 2 at 0x1000, nothing elsewhere.
    fn load_virtual(&self, address: u64) -> Option<u64> {
        (address == 0x1000).then_some(0b110)
    }
}

/// Hart 0 and 1 run, hart 2 is suspended, hart 3 stopped.
fn node() -> Node {
    use HartState::{Started, Stopped, Suspended};
    Node { harts: vec![Started, Started, Suspended, Stopped], console: true }
}

fn decision(extension: u64, function: u64, given: &[u64]) -> Decision {
    let mut arguments = [0; 6];
    arguments[..given.len()].copy_from_slice(given);
    decide(&Call { extension, function, arguments }, &node())
}

fn check(extension: u64, function: u64, given: &[u64], action: Action, value: u64) {
    let expected = Decision { action, returned: Returned::Pair(Ok(value)) };
    assert_eq!(decision(extension, function, given), expected, "{extension:#x} {function} {given:x?}");
}

fn refused(extension: u64, function: u64, given: &[u64], error: SbiError) {
    let expected = Decision { action: Action::None, returned: Returned::Pair(Err(error)) };
    assert_eq!(decision(extension, function, given), expected, "{extension:#x} {function} {given:x?}");
}

fn check_legacy(number: u64, given: &[u64], action: Action, a0: i64) {
    let expected = Decision { action, returned: Returned::Legacy(a0.cast_unsigned()) };
    assert_eq!(decision(number, 0, given), expected, "legacy {number} {given:x?}");
}

#[test]
fn registers_hold_error_and_value() {
    assert_eq!((Returned::Pair(Ok(5)).a0(), Returned::Pair(Ok(5)).a1()), (0, Some(5)));
    let failed = Returned::Pair(Err(SbiError::InvalidAddress));
    assert_eq!((failed.a0().cast_signed(), failed.a1()), (-5, Some(0)));
    assert_eq!((Returned::Legacy(7).a0(), Returned::Legacy(7).a1()), (7, None));
    let mut x = [0; 32];
    (x[10], x[15], x[16], x[17]) = (1, 2, 3, extension::HSM);
    let call = Call::from_registers(&x);
    assert_eq!(call, Call { extension: extension::HSM, function: 3, arguments: [1, 0, 0, 0, 0, 2] });
}

#[test]
fn base_names_the_version_and_what_is_there() {
    check(extension::BASE, 0, &[], Action::None, 0x0200_0000);
    use extension::{BASE, DBCN, HSM, IPI, PMU, RFENCE, SRST, TIME};
    for present in [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, PMU, 0, 8] {
        check(BASE, 3, &[present], Action::None, 1);
    }
    for absent in [9, 0x5355_5350, 0x4e41_434c, u64::MAX] {
        check(BASE, 3, &[absent], Action::None, 0);
        refused(absent, 0, &[], SbiError::NotSupported);
    }
    refused(BASE, 7, &[], SbiError::NotSupported);
    let silent = Node { console: false, ..node() };
    let probe = Call { extension: BASE, function: 3, arguments: [DBCN, 0, 0, 0, 0, 0] };
    assert_eq!(decide(&probe, &silent).returned, Returned::Pair(Ok(0)));
}

#[test]
fn timer_and_interrupts() {
    check(extension::TIME, 0, &[123], Action::SetTimer { deadline: 123 }, 0);
    refused(extension::TIME, 1, &[], SbiError::NotSupported);
    for (mask, base, reached) in
        [(0b11, 0, 0b11), (0b11, 1, 0b110), (1, 3, 0), (0, 99, 0), (5, u64::MAX, 0b111)]
    {
        check(extension::IPI, 0, &[mask, base], Action::SendIpi(HartMask(reached)), 0);
    }
    for (mask, base) in [(1, 4), (0b100, 2), (1 << 63, 0), (2, u64::MAX - 1), (1, 64)] {
        refused(extension::IPI, 0, &[mask, base], SbiError::InvalidParam);
    }
}

#[test]
fn fences_name_harts_addresses_and_spaces() {
    let fence = |harts, fence, range| Action::RemoteFence { harts: HartMask(harts), fence, range };
    check(extension::RFENCE, 0, &[1, 1], fence(0b10, Fence::Instruction, None), 0);
    let one = Fence::Supervisor { asid: None };
    check(extension::RFENCE, 1, &[1, 0, 0x4000, 0x2000], fence(1, one, Some(0x4000..0x6000)), 0);
    check(extension::RFENCE, 1, &[1, 0, 0, 0], fence(1, one, None), 0);
    let tagged = Fence::Supervisor { asid: Some(7) };
    check(extension::RFENCE, 2, &[1, 0, 9, u64::MAX, 7], fence(1, tagged, None), 0);
    check(extension::RFENCE, 3, &[1, 0, 0, 0, 3], fence(1, Fence::Guest { vmid: Some(3) }, None), 0);
    check(extension::RFENCE, 6, &[1, 0], fence(1, Fence::Virtual { asid: None }, None), 0);
    refused(extension::RFENCE, 7, &[1, 0], SbiError::NotSupported);
    refused(extension::RFENCE, 1, &[16, 0], SbiError::InvalidParam);
}

#[test]
fn harts_start_stop_and_suspend() {
    let start = Action::Start { hart: 3, address: 0x8020_0000, opaque: 9 };
    check(extension::HSM, 0, &[3, 0x8020_0000, 9], start, 0);
    refused(extension::HSM, 0, &[1, 0x8020_0000, 9], SbiError::AlreadyAvailable);
    refused(extension::HSM, 0, &[4, 0x8020_0000, 9], SbiError::InvalidParam);
    for address in [0, 0x8800_0000, 0x8020_0001] {
        refused(extension::HSM, 0, &[3, address, 9], SbiError::InvalidAddress);
        refused(extension::HSM, 3, &[0x8000_0000, address, 9], SbiError::InvalidAddress);
    }
    check(extension::HSM, 1, &[], Action::Stop, 0);
    for (hart, state) in [(0, 0), (2, 4), (3, 1)] {
        check(extension::HSM, 2, &[hart], Action::None, state);
    }
    refused(extension::HSM, 2, &[u64::MAX], SbiError::InvalidParam);
    check(extension::HSM, 3, &[0], Action::Suspend { resume: None }, 0);
    let resume = Some((0x8000_0000, 5));
    check(extension::HSM, 3, &[0x8000_0000, 0x8000_0000, 5], Action::Suspend { resume }, 0);
    for kind in [1, 0x1000_0000, 0x8000_0001] {
        refused(extension::HSM, 3, &[kind, 0x8000_0000], SbiError::InvalidParam);
    }
}

#[test]
fn reset_says_how_and_why() {
    check(extension::SRST, 0, &[0, 0], Action::Reset { kind: Reset::Shutdown, failure: false }, 0);
    check(extension::SRST, 0, &[1, 1], Action::Reset { kind: Reset::ColdReboot, failure: true }, 0);
    check(extension::SRST, 0, &[2, 0], Action::Reset { kind: Reset::WarmReboot, failure: false }, 0);
    refused(extension::SRST, 0, &[3, 0], SbiError::InvalidParam);
    refused(extension::SRST, 0, &[0, 2], SbiError::InvalidParam);
    refused(extension::SRST, 1, &[0, 0], SbiError::NotSupported);
}

#[test]
fn console_buffers_lie_in_memory() {
    let range = 0x8000_0010..0x8000_0015;
    check(extension::DBCN, 0, &[5, range.start, 0], Action::ConsoleWrite { range: range.clone() }, 0);
    check(extension::DBCN, 1, &[5, range.start, 0], Action::ConsoleRead { range: range.clone() }, 0);
    check(extension::DBCN, 2, &[0x141], Action::ConsolePut(0x41), 0);
    let bad = [[5, 0x1000, 0], [5, 0x87ff_fffc, 0], [5, range.start, 1], [u64::MAX, range.start, 0]];
    for given in bad {
        refused(extension::DBCN, 0, &given, SbiError::InvalidParam);
    }
    refused(extension::DBCN, 3, &[], SbiError::NotSupported);
}

#[test]
fn performance_monitoring_has_no_counter() {
    check(extension::PMU, 0, &[], Action::None, 0);
    refused(extension::PMU, 1, &[0], SbiError::InvalidParam);
    refused(extension::PMU, 2, &[0, 1, 0, 1], SbiError::NotSupported);
}

#[test]
fn legacy_calls_return_one_register() {
    check_legacy(0, &[77], Action::SetTimer { deadline: 77 }, 0);
    check_legacy(1, &[0x68], Action::ConsolePut(0x68), 0);
    check_legacy(2, &[], Action::ConsoleGet, 0);
    check_legacy(3, &[], Action::ClearIpi, 0);
    check_legacy(4, &[0x1000], Action::SendIpi(HartMask(0b110)), 0);
    check_legacy(4, &[0], Action::SendIpi(HartMask(0b111)), 0);
    check_legacy(4, &[0x2000], Action::None, -5);
    let fence = Fence::Supervisor { asid: Some(4) };
    let action = Action::RemoteFence { harts: HartMask(0b110), fence, range: Some(0..4096) };
    check_legacy(7, &[0x1000, 0, 4096, 4], action, 0);
    check_legacy(8, &[], Action::Reset { kind: Reset::Shutdown, failure: false }, 0);
}
