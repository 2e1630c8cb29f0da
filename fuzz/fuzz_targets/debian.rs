//! A Debian archive's texts: indices, relations, versions, releases, signatures, keys.
#![no_main]

use image::debian::{
    clearsign, index::Index, keyring, openpgp, relation, release::Release, resolve, version,
};
use libfuzzer_sys::fuzz_target;

const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn seeds() -> Vec<Vec<u8>> {
    let package = |name: &str, more: &str| {
        format!(
            "Package: {name}\nVersion: 1:2.0-1~deb13u1\nArchitecture: riscv64\nFilename: pool/{name}.deb\n\
             Size: 5\nSHA256: {SUM}\nDescription: x\n longer\n{more}\n"
        )
    };
    let index = [
        package("a", "Depends: b (>= 1:1.0) | c, d:any\nProvides: e (= 3)\n"),
        package("b", "Conflicts: c\n"),
    ];
    let release =
        format!("Origin: Debian\nCodename: trixie\nSHA256:\n {SUM} 5 main/binary-riscv64/Packages.xz\n");
    let signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{release}-----BEGIN PGP SIGNATURE-----\n\n\
         iHUEARYIAB0WIQQ=\n=AAAA\n-----END PGP SIGNATURE-----\n"
    );
    let key = [&[0x98u8, 11, 4, 0, 0, 0, 0, 22, 9][..], &[0x2b, 6, 1], &[0xc2, 2, 4, 0]].concat();
    vec![
        index.concat().into(),
        b"a (>= 1), b | c (<< 2~) [riscv64] <!x>".to_vec(),
        release.into(),
        signed.into(),
        key,
    ]
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let _ = keyring::parse(data);
    let _ = openpgp::keys(data);
    let _ = openpgp::signatures(data);
    let _ = clearsign::unarmored(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = clearsign::verified(text, &[]);
    let _ = Release::parse(text);
    if let Ok(alternatives) = relation::parse(text) {
        alternatives.iter().flatten().for_each(|relation| drop((relation.accepts("1.0"), relation.to_string())));
    }
    if let Some((one, two)) = text.split_once(' ') {
        assert_eq!(version::compare(one, two), version::compare(two, one).reverse());
    }
    if let Ok(index) = Index::parse(text) {
        let names: Vec<&str> = index.iter().map(|package| package.name).take(4).collect();
        let _ = resolve::resolve(&index, &names);
    }
});
