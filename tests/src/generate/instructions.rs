//! Random instructions of one operation, addressed so that they do something.

use isa::reg::Reg;
use isa::{Format, Inst, Op, Slot, decode};

use super::Frame;
use super::frame::{ADDRESS, POINTER, RESUME};
use crate::program::{DATA, DATA_BYTES};

/// Operations whose effect depends on nothing but registers and memory.
pub(super) fn unprivileged() -> Vec<Op> {
    let plain = |op: &Op| match op.format() {
        Format::Nullary | Format::Csr | Format::CsrImm | Format::Sfence => {
            matches!(op, Op::Ecall | Op::Ebreak | Op::Pause)
        }
        Format::HLoad | Format::HStore => false,
        // Depends on the configuration of the cache blocks alone, which the privileged programs change.
        Format::Cbo => *op == Op::CboZero,
        _ => true,
    };
    Op::ALL.into_iter().filter(plain).collect()
}

impl Frame {
    /// Appends a random instruction of `op`, with what it needs before it.
    pub(super) fn random(&mut self, op: Op) {
        let word = op.match_bits() | self.rng.word() & !op.mask();
        let Some(mut inst) = decode(word) else { unreachable!("a word of a row decodes") };
        // Random operands may make a hint of it, which is another row.
        let fields = inst.op.format().fields();
        if fields.rd == Slot::X {
            inst.rd = self.destination().number();
        }
        match inst.op.format() {
            Format::B => {
                let ahead = self.asm.label();
                let (rs1, rs2) = (reg(inst.rs1), reg(inst.rs2));
                let skipped = self.rng.below(3);
                match inst.op {
                    Op::Beq => self.asm.beq(rs1, rs2, ahead),
                    Op::Bne => self.asm.bne(rs1, rs2, ahead),
                    Op::Blt => self.asm.blt(rs1, rs2, ahead),
                    Op::Bge => self.asm.bge(rs1, rs2, ahead),
                    Op::Bltu => self.asm.bltu(rs1, rs2, ahead),
                    _ => self.asm.bgeu(rs1, rs2, ahead),
                };
                for _ in 0..skipped {
                    self.random_alu();
                }
                self.asm.place(ahead);
            }
            Format::J => {
                let ahead = self.asm.label();
                self.asm.jal(reg(inst.rd), ahead);
                self.random_alu();
                self.asm.place(ahead);
            }
            Format::Jalr => {
                let ahead = self.asm.label();
                // Half the offset is in the register, half in the instruction, whose lowest bit is dropped.
                let offset = (inst.imm / 2) & !1;
                self.asm.la(ADDRESS, ahead).addi(ADDRESS, ADDRESS, -offset);
                self.asm.jalr(reg(inst.rd), ADDRESS, offset | inst.imm & 1);
                self.random_alu();
                self.asm.place(ahead);
                self.point();
            }
            Format::Load | Format::Store | Format::FLoad | Format::FStore => {
                inst.rs1 = self.rng.pick(&[POINTER, Reg::SP, Reg::S1]).number();
                if !self.rng.one_in(4) {
                    inst.imm &= !7;
                }
                self.asm.inst(inst);
            }
            Format::Amo | Format::Lr => {
                self.point();
                inst.rs1 = ADDRESS.number();
                // Misaligned, QEMU reports atomics as loads, and does not look at the address of a failing `sc`.
                if !matches!(inst.op, Op::LrW | Op::LrD) {
                    self.asm.andi(ADDRESS, ADDRESS, -8);
                }
                self.asm.inst(inst);
                if inst.op == Op::LrW || inst.op == Op::LrD {
                    self.store_conditional(inst.op);
                }
            }
            Format::Cbo | Format::Prefetch => {
                inst.rs1 = POINTER.number();
                self.asm.inst(inst);
            }
            _ => {
                self.asm.inst(inst);
            }
        }
    }

    /// Appends an instruction on integer registers that cannot trap.
    pub(super) fn random_alu(&mut self) {
        let op =
            self.rng.pick(&[Op::Add, Op::Sub, Op::Xor, Op::Addiw, Op::Mulhu, Op::Rol, Op::Sltu, Op::Srai]);
        self.random(op);
    }

    /// Appends `sc` to where `lr` loaded, mostly.
    fn store_conditional(&mut self, reserved: Op) {
        let between = self.rng.below(3);
        for _ in 0..between {
            self.random_alu();
        }
        if self.rng.one_in(4) {
            self.point();
        }
        self.asm.andi(ADDRESS, ADDRESS, -8);
        let (rd, rs2) = (self.destination(), self.destination());
        if reserved == Op::LrW {
            self.asm.sc_w(rd, rs2, ADDRESS);
        } else {
            self.asm.sc_d(rd, rs2, ADDRESS);
        }
    }

    /// Points [`ADDRESS`] somewhere near [`POINTER`], mostly aligned.
    pub(super) fn point(&mut self) {
        let mut offset = i32::try_from(self.rng.below(2048)).expect("small") - 1024;
        if !self.rng.one_in(8) {
            offset &= !7;
        }
        self.asm.addi(ADDRESS, POINTER, offset);
    }

    /// Appends a random compressed instruction that stays in the program and in its data.
    pub(super) fn random_compressed(&mut self) {
        for _ in 0..200 {
            let half = self.rng.word() & 0xffff;
            if half & 3 == 3 {
                continue;
            }
            let Some(inst) = decode(half) else {
                if self.rng.one_in(20) {
                    break;
                }
                continue;
            };
            if self.stays_in_bounds(&inst) {
                self.asm.half(u16::try_from(half).expect("a half-word"));
                return;
            }
        }
        // A reserved encoding: an illegal instruction.
        let reserved = self.rng.pick(&[0x0000, 0x8000, 0x2001, 0x6101, 0x9c41, 0x4002, 0x6002, 0x8002]);
        self.asm.half(reserved);
    }

    fn stays_in_bounds(&self, inst: &Inst) -> bool {
        let fields = inst.op.format().fields();
        let spares = fields.rd != Slot::X || !Self::RESERVED.contains(&reg(inst.rd));
        spares
            && match inst.op.format() {
                Format::Load | Format::Store | Format::FLoad | Format::FStore => {
                    [Reg::SP, Reg::S1].contains(&reg(inst.rs1))
                }
                Format::B | Format::J | Format::Jalr => false,
                _ => true,
            }
    }

    /// Appends a compressed branch or jump over a compressed instruction.
    pub(super) fn compressed_branch(&mut self) {
        let pattern: u16 = self.rng.pick(&[0xa001, 0xc001, 0xe001]);
        let register = if pattern == 0xa001 { 0 } else { u16::try_from(self.rng.below(8)).expect("small") };
        // The offset 4 is bit 2, which all three keep in bit 4.
        self.asm.half(pattern | register << 7 | 1 << 4);
        self.random_compressed();
    }

    /// Appends a word that no instruction of the table has.
    pub(super) fn illegal_word(&mut self) {
        loop {
            let word = self.rng.word() | 3;
            if word & 0x1f != 0x1f && decode(word).is_none() {
                self.asm.word(word);
                return;
            }
        }
    }

    /// Appends a jump to where nothing can be fetched; the handler comes back behind it.
    pub(super) fn wild_jump(&mut self, target: u64) {
        let back = self.asm.label();
        self.asm.la(RESUME, back).li(ADDRESS, target).jalr(Reg::RA, ADDRESS, 0);
        self.asm.place(back);
        if let Some(end) = self.visit_end {
            self.asm.la(RESUME, end);
        }
        self.point();
    }

    /// Appends random floating-point state: rounding mode, sometimes a reserved one, and flags.
    pub(super) fn float_state(&mut self) {
        let value = if self.rng.one_in(8) { self.rng.below(256) } else { self.rng.below(5) << 5 };
        self.asm.li(ADDRESS, value).csrw(isa::csr::FCSR, ADDRESS);
        self.point();
    }

    /// An address in the data.
    pub(super) fn data_address(&mut self) -> u64 {
        DATA + self.rng.below(DATA_BYTES - 8)
    }
}

fn reg(number: u8) -> Reg {
    Reg::new(number).expect("a register's number")
}
