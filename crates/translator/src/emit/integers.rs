//! Integer registers within a unit.

use super::Emitter;
use crate::abi::{RAX, x_at};
use crate::space::Space;
use dynasmrt::{DynasmApi, dynasm};
use machine::ram::PAGE_BYTES;
use std::mem::offset_of;

/// Displacement from `r15` of the address of the page to which relative code is relative.
const PAGE: i32 = offset_of!(Space, page) as i32;

impl Emitter<'_> {
    /// The host register that holds guest register `guest`, loaded into `scratch` if it has no home.
    pub(crate) fn get(&mut self, guest: u8, scratch: u8) -> u8 {
        if let Some(home) = self.home(guest) {
            return home;
        }
        if scratch == RAX {
            if self.in_rax == Some(guest) {
                return RAX;
            }
            self.in_rax = None;
        }
        match self.known(guest) {
            Some(value) => self.constant(scratch, value),
            None => dynasm!(self.ops ; .arch x64 ; mov Rq(scratch), [BYTE rbp + x_at(guest)]),
        }
        scratch
    }

    /// The host register that holds guest register `guest` throughout the unit.
    pub(crate) fn home(&self, guest: u8) -> Option<u8> {
        self.homes.x(guest)
    }

    /// Copies guest register `guest` into `scratch`.
    pub(crate) fn copy(&mut self, guest: u8, scratch: u8) {
        let held = self.get(guest, scratch);
        if held != scratch {
            dynasm!(self.ops ; .arch x64 ; mov Rq(scratch), Rq(held));
        }
    }

    /// The host register in which to compute the new value of `guest`; [`Emitter::put`] stores it.
    pub(crate) fn destination(&self, guest: u8) -> u8 {
        self.homes.x(guest).unwrap_or(RAX)
    }

    /// Makes host register `host` the value of `guest`, the last that an instruction does with `rax`.
    pub(crate) fn put(&mut self, guest: u8, host: u8) {
        match self.homes.x(guest) {
            Some(own) if own == host => {}
            Some(own) => dynasm!(self.ops ; .arch x64 ; mov Rq(own), Rq(host)),
            None if guest == 0 => {}
            None => {
                dynasm!(self.ops ; .arch x64 ; mov [BYTE rbp + x_at(guest)], Rq(host));
                self.next_in_rax = Some(guest).filter(|_| host == RAX);
            }
        }
    }

    /// Puts a constant into a host register.
    pub(crate) fn constant(&mut self, host: u8, value: u64) {
        if host == RAX {
            self.in_rax = None;
        }
        if value == 0 {
            dynasm!(self.ops ; .arch x64 ; xor Rd(host), Rd(host));
        } else if let Ok(low) = u32::try_from(value) {
            dynasm!(self.ops ; .arch x64 ; mov Rd(host), low.cast_signed());
        } else if let Ok(signed) = i32::try_from(value.cast_signed()) {
            dynasm!(self.ops ; .arch x64 ; mov Rq(host), signed);
        } else {
            dynasm!(self.ops ; .arch x64 ; mov Rq(host), QWORD value.cast_signed());
        }
    }

    /// Puts an address that stands in the code into a host register.
    pub(crate) fn address(&mut self, host: u8, address: u64) {
        self.constant(host, address);
        if self.unit.relative {
            dynasm!(self.ops ; .arch x64 ; add Rq(host), [r15 + PAGE]);
        }
    }

    /// Makes an address that stands in the code the value of guest register `guest`.
    pub(crate) fn put_address(&mut self, guest: u8, address: u64) {
        let d = self.destination(guest);
        self.address(d, address);
        self.put(guest, d);
    }

    /// Notes where the page is mapped, for code that is relative to it; the unit's own address is in `rax`.
    pub(super) fn note_page(&mut self) {
        if !self.unit.relative {
            return;
        }
        if self.unit.crosses() {
            dynasm!(self.ops ; .arch x64 ; add rax, 2);
        } else {
            dynasm!(self.ops ; .arch x64 ; and rax, !(PAGE_BYTES as i32 - 1));
        }
        dynasm!(self.ops ; .arch x64 ; mov [r15 + PAGE], rax);
        self.prologue = self.ops.offset().0;
    }

    /// What integer register `guest` is known to hold.
    pub(crate) fn known(&self, guest: u8) -> Option<u64> {
        self.known[usize::from(guest)]
    }

    /// Notes that `rax` does not hold any register of the guest.
    pub(crate) fn clobber_rax(&mut self) {
        self.in_rax = None;
    }
}
