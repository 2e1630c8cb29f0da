//! The compressed forms (extension C with the double-precision loads and stores), once each.
//!
//! A row is `(Variant, "mnemonic", mask, match, Layout, BaseOp, Legal)`. The first row that matches decides:
//! if its `Legal` condition fails, the encoding is reserved. Hints are legal and expand like their form.
//! Source: RISC-V Instruction Set Manual, volume I, "RVC Instruction Set Listings".

/// Expands `callback! { extra ; rows }`, each row a parenthesised tuple as the module's head says.
#[macro_export]
macro_rules! for_each_compressed {
    ($callback:ident $($extra:tt)*) => {
        $callback! { $($extra)* ;
            // Quadrant 0
            (Addi4spn, "c.addi4spn", 0xe003, 0x0000, Ciw, Addi, Immediate)
            (Fld, "c.fld", 0xe003, 0x2000, ClD, Fld, Always)
            (Lw, "c.lw", 0xe003, 0x4000, ClW, Lw, Always)
            (Ld, "c.ld", 0xe003, 0x6000, ClD, Ld, Always)
            (Fsd, "c.fsd", 0xe003, 0xa000, CsD, Fsd, Always)
            (Sw, "c.sw", 0xe003, 0xc000, CsW, Sw, Always)
            (Sd, "c.sd", 0xe003, 0xe000, CsD, Sd, Always)
            // Quadrant 1
            (Nop, "c.nop", 0xef83, 0x0001, Ci, Addi, Always)
            (Addi, "c.addi", 0xe003, 0x0001, Ci, Addi, Always)
            (Addiw, "c.addiw", 0xe003, 0x2001, Ci, Addiw, Rd)
            (Li, "c.li", 0xe003, 0x4001, CiLi, Addi, Always)
            (Addi16sp, "c.addi16sp", 0xef83, 0x6101, Ci16sp, Addi, Immediate)
            (Lui, "c.lui", 0xe003, 0x6001, CiLui, Lui, Immediate)
            (Srli, "c.srli", 0xec03, 0x8001, CbShift, Srli, Always)
            (Srai, "c.srai", 0xec03, 0x8401, CbShift, Srai, Always)
            (Andi, "c.andi", 0xec03, 0x8801, CbImm, Andi, Always)
            (Sub, "c.sub", 0xfc63, 0x8c01, Ca, Sub, Always)
            (Xor, "c.xor", 0xfc63, 0x8c21, Ca, Xor, Always)
            (Or, "c.or", 0xfc63, 0x8c41, Ca, Or, Always)
            (And, "c.and", 0xfc63, 0x8c61, Ca, And, Always)
            (Subw, "c.subw", 0xfc63, 0x9c01, Ca, Subw, Always)
            (Addw, "c.addw", 0xfc63, 0x9c21, Ca, Addw, Always)
            (J, "c.j", 0xe003, 0xa001, Cj, Jal, Always)
            (Beqz, "c.beqz", 0xe003, 0xc001, Cb, Beq, Always)
            (Bnez, "c.bnez", 0xe003, 0xe001, Cb, Bne, Always)
            // Quadrant 2
            (Slli, "c.slli", 0xe003, 0x0002, CiShift, Slli, Always)
            (Fldsp, "c.fldsp", 0xe003, 0x2002, CiLdsp, Fld, Always)
            (Lwsp, "c.lwsp", 0xe003, 0x4002, CiLwsp, Lw, Rd)
            (Ldsp, "c.ldsp", 0xe003, 0x6002, CiLdsp, Ld, Rd)
            (Jr, "c.jr", 0xf07f, 0x8002, CrJr, Jalr, Rs1)
            (Mv, "c.mv", 0xf003, 0x8002, CrMv, Add, Always)
            (Ebreak, "c.ebreak", 0xffff, 0x9002, Nullary, Ebreak, Always)
            (Jalr, "c.jalr", 0xf07f, 0x9002, CrJalr, Jalr, Rs1)
            (Add, "c.add", 0xf003, 0x9002, CrAdd, Add, Always)
            (Fsdsp, "c.fsdsp", 0xe003, 0xa002, CssD, Fsd, Always)
            (Swsp, "c.swsp", 0xe003, 0xc002, CssW, Sw, Always)
            (Sdsp, "c.sdsp", 0xe003, 0xe002, CssD, Sd, Always)
        }
    };
}
