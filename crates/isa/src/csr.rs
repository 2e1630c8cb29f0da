//! Control and status registers: numbers, names, and what the number says about access.
//!
//! The constants are plain `u16`, so that they serve as patterns and ends of ranges. A series such as
//! `hpmcounter3` to `hpmcounter31` has one constant, its first register.
//! Source: RISC-V Privileged Architecture, "CSR Listing".

use core::fmt;

/// The lowest privilege that may access a register, from bits 9:8 of its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Privilege {
    /// User.
    User,
    /// Supervisor; in virtualization mode the guest's.
    Supervisor,
    /// Supervisor with the hypervisor extension, and virtual supervisor registers.
    Hypervisor,
    /// Machine.
    Machine,
}

/// A run of registers whose names count up.
struct Series {
    name: &'static str,
    first: u16,
    /// Number in the first register's name.
    from: u16,
    count: u16,
    /// Distance of two registers, in number and in name.
    step: u16,
}

macro_rules! csrs {
    (singles { $($constant:ident $number:literal $name:literal $doc:literal;)* }
     series { $($first:ident $start:literal $prefix:literal $from:literal $count:literal $step:literal;)* }) => {
        $(#[doc = concat!("`", $name, "`", $doc, ".")] pub const $constant: u16 = $number;)*
        $(#[doc = concat!("`", $prefix, stringify!($from), "`, the first of ", stringify!($count), ".")]
        pub const $first: u16 = $start;)*

        static SINGLES: &[(u16, &str)] = &[$(($number, $name)),*];
        static SERIES: &[Series] = &[$(Series {
            name: $prefix, first: $start, from: $from, count: $count, step: $step,
        }),*];
    };
}

csrs! {
    singles {
        // User
        FFLAGS 0x001 "fflags" "";
        FRM 0x002 "frm" "";
        FCSR 0x003 "fcsr" "";
        CYCLE 0xc00 "cycle" "";
        TIME 0xc01 "time" "";
        INSTRET 0xc02 "instret" "";
        // Supervisor
        SSTATUS 0x100 "sstatus" "";
        SIE 0x104 "sie" "";
        STVEC 0x105 "stvec" "";
        SCOUNTEREN 0x106 "scounteren" "";
        SENVCFG 0x10a "senvcfg" "";
        SCOUNTINHIBIT 0x120 "scountinhibit" "";
        SSCRATCH 0x140 "sscratch" "";
        SEPC 0x141 "sepc" "";
        SCAUSE 0x142 "scause" "";
        STVAL 0x143 "stval" "";
        SIP 0x144 "sip" "";
        STIMECMP 0x14d "stimecmp" "";
        SATP 0x180 "satp" "";
        SCONTEXT 0x5a8 "scontext" "";
        SCOUNTOVF 0xda0 "scountovf" "";
        // Virtual supervisor
        VSSTATUS 0x200 "vsstatus" "";
        VSIE 0x204 "vsie" "";
        VSTVEC 0x205 "vstvec" "";
        VSSCRATCH 0x240 "vsscratch" "";
        VSEPC 0x241 "vsepc" "";
        VSCAUSE 0x242 "vscause" "";
        VSTVAL 0x243 "vstval" "";
        VSIP 0x244 "vsip" "";
        VSTIMECMP 0x24d "vstimecmp" "";
        VSATP 0x280 "vsatp" "";
        // Hypervisor
        HSTATUS 0x600 "hstatus" "";
        HEDELEG 0x602 "hedeleg" "";
        HIDELEG 0x603 "hideleg" "";
        HIE 0x604 "hie" "";
        HTIMEDELTA 0x605 "htimedelta" "";
        HCOUNTEREN 0x606 "hcounteren" "";
        HGEIE 0x607 "hgeie" "";
        HENVCFG 0x60a "henvcfg" "";
        HTVAL 0x643 "htval" "";
        HIP 0x644 "hip" "";
        HVIP 0x645 "hvip" "";
        HTINST 0x64a "htinst" "";
        HGATP 0x680 "hgatp" "";
        HCONTEXT 0x6a8 "hcontext" "";
        HGEIP 0xe12 "hgeip" "";
        // Machine
        MSTATUS 0x300 "mstatus" "";
        MISA 0x301 "misa" "";
        MEDELEG 0x302 "medeleg" "";
        MIDELEG 0x303 "mideleg" "";
        MIE 0x304 "mie" "";
        MTVEC 0x305 "mtvec" "";
        MCOUNTEREN 0x306 "mcounteren" "";
        MENVCFG 0x30a "menvcfg" "";
        MCOUNTINHIBIT 0x320 "mcountinhibit" "";
        MCYCLECFG 0x321 "mcyclecfg" "";
        MINSTRETCFG 0x322 "minstretcfg" "";
        MSCRATCH 0x340 "mscratch" "";
        MEPC 0x341 "mepc" "";
        MCAUSE 0x342 "mcause" "";
        MTVAL 0x343 "mtval" "";
        MIP 0x344 "mip" "";
        MTINST 0x34a "mtinst" "";
        MTVAL2 0x34b "mtval2" "";
        MSECCFG 0x747 "mseccfg" "";
        MCYCLE 0xb00 "mcycle" "";
        MINSTRET 0xb02 "minstret" "";
        MVENDORID 0xf11 "mvendorid" "";
        MARCHID 0xf12 "marchid" "";
        MIMPID 0xf13 "mimpid" "";
        MHARTID 0xf14 "mhartid" "";
        MCONFIGPTR 0xf15 "mconfigptr" "";
        // Debug and trace registers that machine mode sees
        TSELECT 0x7a0 "tselect" "";
        TDATA1 0x7a1 "tdata1" "";
        TDATA2 0x7a2 "tdata2" "";
        TDATA3 0x7a3 "tdata3" "";
        TINFO 0x7a4 "tinfo" "";
        TCONTROL 0x7a5 "tcontrol" "";
        MCONTEXT 0x7a8 "mcontext" "";
        // The software-managed TLB's, in the range for custom supervisor registers
        STLBVPN 0x5c0 "stlbvpn" ": virtual page number of the entry; a miss leaves the faulting page here";
        STLBASID 0x5c1 "stlbasid" ": address space of the entry";
        STLBPTE 0x5c2 "stlbpte" ": leaf page-table entry of the entry, in the format of [`crate::pte::Pte`]";
        STLBIDX 0x5c3 "stlbidx" ": number of the entry; bit 63 is set by a probe that finds nothing";
        STLBRANDOM 0x5c4 "stlbrandom" ": a number for replacement, stepped by hardware; read-only";
        STLBCMD 0x5c5 "stlbcmd" ": writing carries out a command: 1 write the entry at `stlbidx`, 2 write at `stlbrandom`, 3 probe for `stlbvpn` and `stlbasid`, 4 read the entry at `stlbidx`";
        STLBWIRED 0x5c6 "stlbwired" ": the first entry that `stlbrandom` may name";
        STLBSIZE 0x5c7 "stlbsize" ": page size of the entry: 0 is 4 KiB, 1 is 2 MiB, 2 is 1 GiB, 3 is 512 GiB";
    }
    series {
        HPMCOUNTER3 0xc03 "hpmcounter" 3 29 1;
        SSTATEEN0 0x10c "sstateen" 0 4 1;
        HSTATEEN0 0x60c "hstateen" 0 4 1;
        MSTATEEN0 0x30c "mstateen" 0 4 1;
        MHPMEVENT3 0x323 "mhpmevent" 3 29 1;
        PMPCFG0 0x3a0 "pmpcfg" 0 8 2;
        PMPADDR0 0x3b0 "pmpaddr" 0 64 1;
        MHPMCOUNTER3 0xb03 "mhpmcounter" 3 29 1;
    }
}

/// The lowest privilege that may access register `number`.
#[must_use]
pub const fn privilege(number: u16) -> Privilege {
    match number >> 8 & 3 {
        0 => Privilege::User,
        1 => Privilege::Supervisor,
        2 => Privilege::Hypervisor,
        _ => Privilege::Machine,
    }
}

/// Whether register `number` is in a read-only range.
#[must_use]
pub const fn is_read_only(number: u16) -> bool {
    number >> 10 & 3 == 3
}

/// A register's name for printing; one without a name prints as its number in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name(u16);

/// The name of register `number`.
#[must_use]
pub fn name(number: u16) -> Name {
    Name(number)
}

/// Every register that this table names, in no particular order.
pub fn numbers() -> impl Iterator<Item = u16> {
    let series = SERIES.iter().flat_map(|s| (0..s.count).map(move |i| s.first + i * s.step));
    SINGLES.iter().map(|single| single.0).chain(series)
}

/// Whether the table names register `number`.
#[must_use]
pub fn is_known(number: u16) -> bool {
    numbers().any(|known| known == number)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, name)) = SINGLES.iter().find(|single| single.0 == self.0) {
            return f.write_str(name);
        }
        for s in SERIES {
            let past = self.0.wrapping_sub(s.first);
            if past < s.count * s.step && past % s.step == 0 {
                return write!(f, "{}{}", s.name, s.from + past);
            }
        }
        write!(f, "{:#x}", self.0)
    }
}
