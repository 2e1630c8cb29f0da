//! Zicond: conditional zero.

use super::rv_i::binary;

binary! {
    czero_eqz = |a, b| if b == 0 { 0 } else { a };
    czero_nez = |a, b| if b != 0 { 0 } else { a };
}
