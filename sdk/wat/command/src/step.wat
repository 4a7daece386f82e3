;; {{name}}: looks for a marker in the files of a folder.
;;
;; This is a core module for WASI preview 1: a program that begins at `_start`, has arguments, files, standard output and standard
;; error, and ends with a code. `airtight build` adapts it to WASI 0.2 and wraps it into a component.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param $dir i32) (param $lookup i32) (param $path i32) (param $len i32) (param $oflags i32)
      (param $rights i64) (param $inherited i64) (param $flags i32) (param $fd i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param $fd i32) (param $to i32) (param $len i32) (param $cookie i64) (param $used i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param $fd i32) (param $vectors i32) (param $count i32) (param $read i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param $fd i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param $count i32) (param $size i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param $addresses i32) (param $texts i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param $code i32)))

  (memory (export "memory") 1)

  ;; --- What is where in memory -----------------------------------------------------------------------------------------

  ;; Four buffers of 12 bytes each: address, length, capacity.
  (global $path i32 (i32.const 16))      ;; where the walk is
  (global $file i32 (i32.const 32))      ;; the file that is looked at
  (global $found i32 (i32.const 48))     ;; what will be in /out/findings.txt
  (global $message i32 (i32.const 64))   ;; a text for people
  ;; Places that WASI writes to.
  (global $fd i32 (i32.const 80))        ;; a file descriptor
  (global $count i32 (i32.const 84))     ;; how many bytes were read, written or used
  (global $vector i32 (i32.const 88))    ;; one vector: address and length

  (data (i32.const 128) "TODO")
  (data (i32.const 144) "out/findings.txt")
  (data (i32.const 160) "/:\n.")
  (data (i32.const 168) ": found ")
  (data (i32.const 176) "error: cannot read ")
  (data (i32.const 208) "error: cannot write /out/findings.txt\n")
  (data (i32.const 256) "error: the marker is empty\n")
  (data (i32.const 416) "{\"files\":")
  (data (i32.const 432) ",\"bytes\":")
  (data (i32.const 448) ",\"findings\":")
  (data (i32.const 464) "}\n")
  ;; The last one, because it is as long as the name makes it.
  (data (i32.const 480) "usage: {{name}} PATH [MARKER]\n")

  ;; Memory from here on is handed out by `$allocate` and never given back: it ends with the step.
  (global $heap (mut i32) (i32.const 1024))

  ;; Preview 1 gives the folders that a step has from descriptor 3 on. Airtight gives one: `/`.
  (global $root i32 (i32.const 3))

  ;; What is looked for, and what was counted.
  (global $marker (mut i32) (i32.const 0))
  (global $marker_len (mut i32) (i32.const 0))
  (global $files (mut i32) (i32.const 0))
  (global $bytes (mut i64) (i64.const 0))
  (global $findings (mut i32) (i32.const 0))

  ;; --- Memory and buffers ----------------------------------------------------------------------------------------------

  (func $allocate (param $size i32) (param $align i32) (result i32)
    (local $at i32) (local $missing i32)
    ;; Up to the next multiple of $align, which is a power of two.
    (local.set $at
      (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    ;; Neither step may pass the end of the address space.
    (if (i32.lt_u (local.get $at) (global.get $heap)) (then unreachable))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (if (i32.lt_u (global.get $heap) (local.get $at)) (then unreachable))
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (global.get $heap) (i32.const 65535)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
    (local.get $at))

  ;; What the adapter allocates its own memory with.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $new i32)
    (local.set $new (call $allocate (local.get $size) (local.get $align)))
    (memory.copy (local.get $new) (local.get $old)
      (select (local.get $old_size) (local.get $size) (i32.lt_u (local.get $old_size) (local.get $size))))
    (local.get $new))

  (func $address (param $buffer i32) (result i32) (i32.load (local.get $buffer)))
  (func $length (param $buffer i32) (result i32) (i32.load offset=4 (local.get $buffer)))
  (func $set_length (param $buffer i32) (param $length i32) (i32.store offset=4 (local.get $buffer) (local.get $length)))

  ;; Makes room for $more bytes at the end of a buffer, which may move it, and returns the address of its end.
  (func $reserve (param $buffer i32) (param $more i32) (result i32)
    (local $needed i32) (local $capacity i32) (local $new i32)
    (local.set $needed (i32.add (call $length (local.get $buffer)) (local.get $more)))
    (local.set $capacity (i32.load offset=8 (local.get $buffer)))
    (if (i32.gt_u (local.get $needed) (local.get $capacity))
      (then
        ;; At least twice as much as before, so that a long buffer is not copied for each line.
        (local.set $capacity (i32.shl (local.get $capacity) (i32.const 1)))
        (if (i32.lt_u (local.get $capacity) (local.get $needed)) (then (local.set $capacity (local.get $needed))))
        (local.set $new (call $allocate (local.get $capacity) (i32.const 8)))
        (memory.copy (local.get $new) (call $address (local.get $buffer)) (call $length (local.get $buffer)))
        (i32.store (local.get $buffer) (local.get $new))
        (i32.store offset=8 (local.get $buffer) (local.get $capacity))))
    (i32.add (call $address (local.get $buffer)) (call $length (local.get $buffer))))

  (func $append (param $buffer i32) (param $text i32) (param $len i32)
    (memory.copy (call $reserve (local.get $buffer) (local.get $len)) (local.get $text) (local.get $len))
    (call $set_length (local.get $buffer) (i32.add (call $length (local.get $buffer)) (local.get $len))))

  ;; Appends a number in decimal digits: those before the last one first.
  (func $append_number (param $buffer i32) (param $number i64)
    (if (i64.ge_u (local.get $number) (i64.const 10))
      (then (call $append_number (local.get $buffer) (i64.div_u (local.get $number) (i64.const 10)))))
    (i64.store8 (call $reserve (local.get $buffer) (i32.const 1))
      (i64.add (i64.const 48) (i64.rem_u (local.get $number) (i64.const 10))))
    (call $set_length (local.get $buffer) (i32.add (call $length (local.get $buffer)) (i32.const 1))))

  ;; --- Files -----------------------------------------------------------------------------------------------------------

  ;; Opens what is at the path, from the root, and leaves its descriptor at $fd. Returns 0, or the number of an error.
  (func $open (param $text i32) (param $len i32) (param $oflags i32) (param $rights i64) (result i32)
    ;; Paths of preview 1 are relative to a folder: `/in` is `in` of the root, and `/` is its `.`.
    (block $relative
      (loop $next
        (br_if $relative (i32.eqz (local.get $len)))
        (br_if $relative (i32.ne (i32.load8_u (local.get $text)) (i32.const 47 (; / ;))))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $next)))
    (if (i32.eqz (local.get $len))
      (then
        (local.set $text (i32.const 163))
        (local.set $len (i32.const 1))))
    (call $path_open (global.get $root)
      (i32.const 1)                       ;; follow symbolic links
      (local.get $text) (local.get $len)
      (local.get $oflags)
      (local.get $rights) (i64.const -1)  ;; what may be done with it, and with what is opened through it
      (i32.const 0) (global.get $fd)))

  ;; Reads the file at $path into $file. Returns 0 or the number of an error.
  (func $read_file (result i32)
    (local $fd i32) (local $error i32)
    (local.set $error
      (call $open (call $address (global.get $path)) (call $length (global.get $path))
        (i32.const 0) (i64.const 0x02 (; read ;))))
    (if (local.get $error) (then (return (local.get $error))))
    (local.set $fd (i32.load (global.get $fd)))
    (call $set_length (global.get $file) (i32.const 0))
    (loop $more
      (i32.store (global.get $vector) (call $reserve (global.get $file) (i32.const 65536)))
      (i32.store offset=4 (global.get $vector) (i32.const 65536))
      (local.set $error (call $fd_read (local.get $fd) (global.get $vector) (i32.const 1) (global.get $count)))
      (if (i32.eqz (local.get $error))
        (then
          (call $set_length (global.get $file)
            (i32.add (call $length (global.get $file)) (i32.load (global.get $count))))
          (br_if $more (i32.load (global.get $count))))))
    (drop (call $fd_close (local.get $fd)))
    (local.get $error))

  ;; Lists the folder at $path. Returns the address of its entries and their length, or any address and -1.
  (func $read_folder (result i32 i32)
    (local $fd i32) (local $entries i32) (local $capacity i32) (local $error i32)
    (if (call $open (call $address (global.get $path)) (call $length (global.get $path))
          (i32.const 2 (; a folder ;)) (i64.const 0x4002 (; read, list ;)))
      (then (return (i32.const 0) (i32.const -1))))
    (local.set $fd (i32.load (global.get $fd)))
    (local.set $capacity (i32.const 2048))
    (loop $again
      ;; Entries that fill the whole room may not be all: then once more with twice the room.
      (local.set $capacity (i32.shl (local.get $capacity) (i32.const 1)))
      (local.set $entries (call $allocate (local.get $capacity) (i32.const 8)))
      (local.set $error
        (call $fd_readdir (local.get $fd) (local.get $entries) (local.get $capacity) (i64.const 0) (global.get $count)))
      (br_if $again
        (i32.and (i32.eqz (local.get $error)) (i32.eq (i32.load (global.get $count)) (local.get $capacity)))))
    (drop (call $fd_close (local.get $fd)))
    (local.get $entries)
    (select (i32.const -1) (i32.load (global.get $count)) (local.get $error)))

  ;; Writes all of a text to a descriptor. Returns 0 or the number of an error.
  (func $write (param $fd i32) (param $text i32) (param $len i32) (result i32)
    (local $error i32)
    (block $done
      (loop $more
        (br_if $done (i32.eqz (local.get $len)))
        (i32.store (global.get $vector) (local.get $text))
        (i32.store offset=4 (global.get $vector) (local.get $len))
        (local.set $error (call $fd_write (local.get $fd) (global.get $vector) (i32.const 1) (global.get $count)))
        (br_if $done (local.get $error))
        (local.set $text (i32.add (local.get $text) (i32.load (global.get $count))))
        (local.set $len (i32.sub (local.get $len) (i32.load (global.get $count))))
        (br $more)))
    (local.get $error))

  ;; Writes $found to /out/findings.txt. Returns 0 or the number of an error.
  (func $write_found (result i32)
    (local $fd i32) (local $error i32)
    (local.set $error
      (call $open (i32.const 144) (i32.const 16) (i32.const 9 (; create, empty it ;)) (i64.const 0x40 (; write ;))))
    (if (local.get $error) (then (return (local.get $error))))
    (local.set $fd (i32.load (global.get $fd)))
    (local.set $error
      (call $write (local.get $fd) (call $address (global.get $found)) (call $length (global.get $found))))
    (drop (call $fd_close (local.get $fd)))
    (local.get $error))

  ;; --- The search ------------------------------------------------------------------------------------------------------

  ;; Tells whether the bytes from $at to $end have the marker in them.
  (func $has_marker (param $at i32) (param $end i32) (result i32)
    (local $index i32)
    (block $no
      (loop $place
        (br_if $no (i32.gt_u (global.get $marker_len) (i32.sub (local.get $end) (local.get $at))))
        (local.set $index (i32.const 0))
        (block $differs
          (loop $byte
            (br_if $differs
              (i32.ne
                (i32.load8_u (i32.add (local.get $at) (local.get $index)))
                (i32.load8_u (i32.add (global.get $marker) (local.get $index)))))
            (local.set $index (i32.add (local.get $index) (i32.const 1)))
            (br_if $byte (i32.lt_u (local.get $index) (global.get $marker_len))))
          (return (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $place)))
    (i32.const 0))

  ;; Says and notes that line $line of the file at $path has the marker.
  (func $note (param $line i32)
    (local $before i32)
    (global.set $findings (i32.add (global.get $findings) (i32.const 1)))
    (local.set $before (call $length (global.get $found)))
    (call $append (global.get $found) (call $address (global.get $path)) (call $length (global.get $path)))
    (call $append (global.get $found) (i32.const 161) (i32.const 1))
    (call $append_number (global.get $found) (i64.extend_i32_u (local.get $line)))
    ;; `PATH:LINE` is in both texts.
    (call $set_length (global.get $message) (i32.const 0))
    (call $append (global.get $message)
      (i32.add (call $address (global.get $found)) (local.get $before))
      (i32.sub (call $length (global.get $found)) (local.get $before)))
    (call $append (global.get $message) (i32.const 168) (i32.const 8))
    (call $append (global.get $message) (global.get $marker) (global.get $marker_len))
    (call $append (global.get $message) (i32.const 162) (i32.const 1))
    (call $append (global.get $found) (i32.const 162) (i32.const 1))
    (drop (call $write (i32.const 1) (call $address (global.get $message)) (call $length (global.get $message)))))

  ;; Looks at each line of $file.
  (func $search_file
    (local $line i32) (local $start i32) (local $at i32) (local $end i32)
    (global.set $files (i32.add (global.get $files) (i32.const 1)))
    (global.set $bytes (i64.add (global.get $bytes) (i64.extend_i32_u (call $length (global.get $file)))))
    (local.set $at (call $address (global.get $file)))
    (local.set $end (i32.add (local.get $at) (call $length (global.get $file))))
    (block $done
      (loop $lines
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $line (i32.add (local.get $line) (i32.const 1)))
        (local.set $start (local.get $at))
        ;; On to the line's end.
        (block $found
          (loop $byte
            (br_if $found (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $byte (i32.lt_u (local.get $at) (local.get $end)))))
        (if (call $has_marker (local.get $start) (local.get $at)) (then (call $note (local.get $line))))
        ;; And over it.
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $lines))))

  ;; Searches all below the folder at $path, in the order in which the host lists it. Returns 1 if something cannot be read:
  ;; $path then says what.
  (func $walk (result i32)
    (local $entry i32) (local $left i32) (local $name i32) (local $name_len i32) (local $kind i32) (local $own i32)
    (call $read_folder)
    (local.set $left)
    (local.set $entry)
    (if (i32.eq (local.get $left) (i32.const -1)) (then (return (i32.const 1))))
    (local.set $own (call $length (global.get $path)))
    (block $done
      (loop $next
        ;; An entry: a cookie and an inode of 8 bytes, the name's length and the kind of 4, then the name.
        (br_if $done (i32.lt_u (local.get $left) (i32.const 24)))
        (local.set $name (i32.add (local.get $entry) (i32.const 24)))
        (local.set $name_len (i32.load offset=16 (local.get $entry)))
        (local.set $kind (i32.load8_u offset=20 (local.get $entry)))
        (local.set $entry (i32.add (local.get $name) (local.get $name_len)))
        (local.set $left (i32.sub (local.get $left) (i32.add (i32.const 24) (local.get $name_len))))
        (br_if $next (call $is_dots (local.get $name) (local.get $name_len)))
        (call $append (global.get $path) (i32.const 160) (i32.const 1))
        (call $append (global.get $path) (local.get $name) (local.get $name_len))
        (if (i32.eq (local.get $kind) (i32.const 3 (; a folder ;)))
          (then (if (call $walk) (then (return (i32.const 1))))))
        (if (i32.eq (local.get $kind) (i32.const 4 (; a regular file ;)))
          (then
            (if (call $read_file) (then (return (i32.const 1))))
            (call $search_file)))
        (call $set_length (global.get $path) (local.get $own))
        (br $next)))
    (i32.const 0))

  ;; Tells whether a name is `.` or `..`, which preview 1 lists too.
  (func $is_dots (param $name i32) (param $len i32) (result i32)
    (if (i32.gt_u (local.get $len) (i32.const 2)) (then (return (i32.const 0))))
    (i32.and
      (i32.eq (i32.load8_u (local.get $name)) (i32.const 46 (; . ;)))
      (i32.eq (i32.load8_u (i32.add (local.get $name) (i32.sub (local.get $len) (i32.const 1)))) (i32.const 46))))

  ;; --- The program -----------------------------------------------------------------------------------------------------

  ;; Ends the program with a text on standard error.
  (func $fail (param $text i32) (param $len i32) (param $code i32)
    (drop (call $write (i32.const 2) (local.get $text) (local.get $len)))
    (call $proc_exit (local.get $code))
    (unreachable))

  ;; Returns the length of a text up to the byte $last, which is there.
  (func $length_to (param $text i32) (param $last i32) (result i32)
    (local $len i32)
    (loop $next
      (if (i32.ne (i32.load8_u (i32.add (local.get $text) (local.get $len))) (local.get $last))
        (then
          (local.set $len (i32.add (local.get $len) (i32.const 1)))
          (br $next))))
    (local.get $len))

  ;; Takes the folder and the marker from the arguments; the first argument is the program's name.
  (func $arguments
    (local $count i32) (local $arguments i32)
    (drop (call $args_sizes_get (global.get $fd) (global.get $count)))
    (local.set $count (i32.load (global.get $fd)))
    (if (i32.or (i32.lt_u (local.get $count) (i32.const 2)) (i32.gt_u (local.get $count) (i32.const 3)))
      (then
        (call $fail (i32.const 480)
          (i32.add (i32.const 1) (call $length_to (i32.const 480) (i32.const 10 (; a line break ;)))) (i32.const 2))))
    (local.set $arguments (call $allocate (i32.const 12) (i32.const 4)))
    (drop
      (call $args_get (local.get $arguments) (call $allocate (i32.load (global.get $count)) (i32.const 1))))
    (call $append (global.get $path)
      (i32.load offset=4 (local.get $arguments))
      (call $length_to (i32.load offset=4 (local.get $arguments)) (i32.const 0)))
    (global.set $marker (i32.const 128))
    (global.set $marker_len (i32.const 4))
    (if (i32.eq (local.get $count) (i32.const 3))
      (then
        (global.set $marker (i32.load offset=8 (local.get $arguments)))
        (global.set $marker_len (call $length_to (global.get $marker) (i32.const 0))))))

  (func (export "_start")
    (call $arguments)
    (if (i32.eqz (global.get $marker_len)) (then (call $fail (i32.const 256) (i32.const 27) (i32.const 1))))

    (if (call $walk)
      (then
        (call $set_length (global.get $message) (i32.const 0))
        (call $append (global.get $message) (i32.const 176) (i32.const 19))
        (call $append (global.get $message) (call $address (global.get $path)) (call $length (global.get $path)))
        (call $append (global.get $message) (i32.const 162) (i32.const 1))
        (call $fail (call $address (global.get $message)) (call $length (global.get $message)) (i32.const 1))))
    (if (call $write_found) (then (call $fail (i32.const 208) (i32.const 38) (i32.const 1))))

    (call $set_length (global.get $message) (i32.const 0))
    (call $append (global.get $message) (i32.const 416) (i32.const 9))
    (call $append_number (global.get $message) (i64.extend_i32_u (global.get $files)))
    (call $append (global.get $message) (i32.const 432) (i32.const 9))
    (call $append_number (global.get $message) (global.get $bytes))
    (call $append (global.get $message) (i32.const 448) (i32.const 12))
    (call $append_number (global.get $message) (i64.extend_i32_u (global.get $findings)))
    (call $append (global.get $message) (i32.const 464) (i32.const 2))
    (drop (call $write (i32.const 1) (call $address (global.get $message)) (call $length (global.get $message))))))
