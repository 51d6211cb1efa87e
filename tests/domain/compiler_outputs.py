"""Outputs of failed builds as compilers, linkers and their test runners really print them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Error:
    """One error: its type, words of its title that stay, and outputs that speak of it: as it comes
    up in another file, run or machine."""

    type: str
    says: str
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, says: str, *outputs: str) -> Error:
        return cls(kind, says, outputs)


COMPILED = (
    Error.of(
        "E0382",
        "borrow of moved value: <value>",
        "cargo build exit 101: error[E0382]: borrow of moved value: `names`",
        """error[E0382]: borrow of moved value: `names`
  --> src/main.rs:4:20
   |
2  |     let names = vec![1];
   |         ----- move occurs because `names` has type `Vec<i32>`

error: aborting due to 1 previous error

For more information about this error, try `rustc --explain E0382`.
error: could not compile `shop` (bin "shop") due to 1 previous error
""",
        "\x1b[0m\x1b[1m\x1b[38;5;9merror[E0382]\x1b[0m\x1b[0m\x1b[1m: borrow of moved value: "
        "`config`\x1b[0m\n\x1b[0m --> \x1b[0m\x1b[0msrc/lib.rs:40:9\x1b[0m\n",
    ),
    Error.of(
        "E0308",
        "mismatched types: expected 'i32', found <value>",
        "error[E0308]: mismatched types\n --> src/a.rs:1:78\n  |\n1 | let y: i32 = x;\n"
        "  |        ---   ^ expected `i32`, found `&str`\n",
        "error[E0308]: mismatched types\n   --> lib/b.rs:40:9\n    |\n40  |         name\n"
        "    |         ^^^^ expected `i32`, found `&Name`\n",
    ),
    Error.of(
        "E0308",
        "mismatched types: expected <value>, found <value>",
        "error[E0308]: mismatched types\n --> x.rs:1:7\n  |  ^ expected `Name`, found `Place`\n",
    ),
    Error.of(
        "E0433",
        "use of undeclared crate or module 'serde'",
        "error[E0433]: failed to resolve: use of undeclared crate or module `serde`\n"
        " --> src/a.rs:1:5",
    ),
    Error.of(
        "panic",
        "called <value> on a 'None' value",
        "thread 'main' panicked at src/main.rs:2:37:\n"
        "called `Option::unwrap()` on a `None` value\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        "thread 'tokio-runtime-worker' panicked at 'called `Option::unwrap()` on a `None` value', "
        "src/net/x.rs:77:12\n",
    ),
    Error.of(
        "AssertionError",
        "it_adds: assertion",
        "---- tests::it_adds stdout ----\n\nthread 'tests::it_adds' panicked at src/lib.rs:14:9:\n"
        "assertion `left == right` failed\n  left: 3\n right: 4\n",
        "---- math::it_adds stdout ----\nthread 'math::it_adds' (812) panicked at src/m.rs:1:9:\n"
        "assertion `left == right` failed\n  left: 5\n right: 6\n",
    ),
    Error.of(
        "go",
        "undefined: parseDate",
        "# shop/app\n./main.go:10:5: undefined: parseDate\n",
        "# example.com/x/y\ninternal/a/b.go:7:12: undefined: parseDate\nFAIL\tx/y [build failed]\n",
    ),
    Error.of(
        "panic",
        "index out of range [<n>] with length <n>",
        "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\n"
        "main.main()\n\t/tmp/x/main.go:8 +0x1d\nexit status 2\n",
        "panic: runtime error: index out of range [10] with length 0\n\ngoroutine 7 [running]:\n",
    ),
    Error.of(
        "test failure",
        "TestTotal: got <n>, want <n>",
        "--- FAIL: TestTotal (0.00s)\n    basket_test.go:10: got 3, want 4\nFAIL\nexit status 1\n"
        "FAIL\tshop/basket\t0.002s\n",
        "=== RUN   TestTotal\n--- FAIL: TestTotal (0.01s)\n    other_test.go:99: got 8, want 9\n",
    ),
    Error.of(
        "go",
        "no required module provides package github.com/gorilla/mux",
        "main.go:5:2: no required module provides package github.com/gorilla/mux; to add it:\n"
        "\tgo get github.com/gorilla/mux\n",
    ),
    Error.of(
        "NullPointerException",
        "Cannot invoke 'String.length()' because",
        'Exception in thread "main" java.lang.NullPointerException: Cannot invoke '
        '"String.length()" because "<local1>" is null\n\tat com.shop.Main.main(Main.java:5)\n',
        'Exception in thread "pool-1-thread-7" java.lang.NullPointerException: Cannot invoke '
        '"String.length()" because "name" is null\n\tat org.x.Y.run(Y.java:50)\n',
    ),
    Error.of(
        "ConnectException",
        "Connection refused",
        "org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC "
        "Connection\n\tat org.spring.A.b(A.java:1)\nCaused by: java.net.ConnectException: "
        "Connection refused\n\tat java.base/sun.nio.ch.Net.connect0(Native Method)\n\t... 12 more",
        "Caused by: java.net.ConnectException: Connection refused",
    ),
    Error.of(
        "error",
        "cannot find symbol: class Order",
        "src/main/java/Shop.java:7: error: cannot find symbol\n    Order order;\n    ^\n"
        "  symbol:   class Order\n  location: class Shop\n1 error\n",
        "[INFO] BUILD FAILURE\n[ERROR] /w/src/main/java/a/B.java:[10,5] cannot find symbol\n"
        "  symbol:   class Order\n  location: class a.B\n"
        "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.11.0:"
        "compile (default-compile) on project shop: Compilation failure -> [Help 1]\n",
    ),
    Error.of(
        "AssertionError",
        "testTotal: expected: <<n>> but was: <<n>>",
        "[ERROR] Failures: \n[ERROR]   BasketTest.testTotal:42 expected: <4> but was: <3>\n"
        "[ERROR] Tests run: 1, Failures: 1, Errors: 0, Skipped: 0\n",
        "[ERROR]   CartTest.testTotal:7 expected: <17> but was: <18>\n",
    ),
    Error.of(
        "gradle",
        "Could not find com.shop:money:",
        "FAILURE: Build failed with an exception.\n\n* What went wrong:\n"
        "Could not resolve all files for configuration ':app:compileClasspath'.\n"
        "> Could not find com.shop:money:1.2.3.\n\n* Try:\n> Run with --stacktrace\n",
        "* What went wrong:\nCould not resolve all files for configuration ':web:runtime'.\n"
        "> Could not find com.shop:money:4.0.1.\n",
    ),
    Error.of(
        "error",
        "'count' undeclared (first use in this function)",
        "main.c: In function 'main':\nmain.c:4:5: error: 'count' undeclared (first use in this "
        "function)\n    4 |     count++;\n      |     ^~~~~\n",
        "lib/x.c:40:12: error: \u2018count\u2019 undeclared (first use in this function)\n",
    ),
    Error.of(
        "error",
        "openssl/ssl.h: No such file or directory",
        "net.c:1:10: fatal error: openssl/ssl.h: No such file or directory\n"
        "    1 | #include <openssl/ssl.h>\ncompilation terminated.\nmake: *** [Makefile:7: net.o] "
        "Error 1\n",
        "src/tls/x.c:12:10: fatal error: openssl/ssl.h: No such file or directory\n",
    ),
    Error.of(
        "ld",
        "undefined reference to",
        "/usr/bin/ld: /tmp/ccx8Qp1K.o: in function `main':\nmain.c:(.text+0x9): undefined "
        "reference to `pay'\ncollect2: error: ld returned 1 exit status\n",
        "/usr/bin/ld: build/b.o: in function `run':\nb.c:(.text+0x1f3): undefined reference to "
        "`pay'\ncollect2: error: ld returned 1 exit status\nmake[2]: *** [Makefile:3: a] Error 1\n",
    ),
    Error.of(
        "C2065",
        "undeclared identifier",
        "C:\\src\\main.cpp(10): error C2065: 'count': undeclared identifier\n",
        "D:\\x\\lib.cpp(7,3): error C2065: 'count': undeclared identifier\r\n",
    ),
    Error.of(
        "CS0103",
        "does not exist in the current context",
        "/w/Shop.cs(10,5): error CS0103: The name 'Total' does not exist in the current context "
        "[/w/shop.csproj]\n",
    ),
    Error.of(
        "make",
        "No rule to make target 'tset'",
        "make: *** No rule to make target 'tset'.  Stop.\n",
        "gmake[1]: *** No rule to make target 'tset'.  Stop.\n",
    ),
)
