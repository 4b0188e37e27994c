/// The program's version, which `--version` prints and run.json names. `CHANGELOG.md` says what its numbers promise, and
/// a test holds this line against the newest entry there; `make install` and `make deb` read it from here.
let programVersion = "0.2.0"
