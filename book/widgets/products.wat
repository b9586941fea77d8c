;; y = W x over the weights of a GGUF file, as they are in the file. A test assembles this text and compares the result
;; with the bytes in products.js. llama.js does the same in JavaScript, for where this can't run.
;;
;; A row of W is a list of blocks of 32 weights. x is cut into blocks too: 32 whole numbers of 16 bits each, and beside
;; them, in `scales`, the float32 they were divided by and the sum of the 32 numbers as they were. One instruction,
;; dot_i16x8_s, multiplies 8 pairs of whole numbers and adds neighbors, so only one sum per block turns into a float32.
;;
;; A float16 becomes a float32 by moving all its bits but the sign up by 13, which leaves the exponent 112 too small. To
;; make up for that, the numbers in `scales` are 2^112 times as large. Weights have no infinities.
(module
  (import "page" "memory" (memory 1))

  (func $total (param $v v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v)))
      (f32.add (f32x4.extract_lane 2 (local.get $v)) (f32x4.extract_lane 3 (local.get $v)))))

  ;; Q4_1: a scale, a smallest value, and 16 bytes whose low halves are 16 numbers and whose high halves are 16 more.
  ;; A weight is scale * number + smallest, so a block adds scale * (sum of number * x) + smallest * (sum of x).
  (func (export "q4_1")
    (param $w i32) (param $x i32) (param $scales i32) (param $y i32) (param $rows i32) (param $blocks i32)
    (local $at i32) (local $beside i32) (local $left i32) (local $row v128) (local $least f32)
    (local $bytes v128) (local $low v128) (local $high v128) (local $sum v128)
    (loop $each_row
      (local.set $at (local.get $x))
      (local.set $beside (local.get $scales))
      (local.set $left (local.get $blocks))
      (local.set $row (v128.const f32x4 0 0 0 0))
      (local.set $least (f32.const 0))
      (loop $each_block
        (local.set $bytes (v128.load offset=4 (local.get $w)))
        (local.set $low (v128.and (local.get $bytes) (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f)))
        (local.set $high (i8x16.shr_u (local.get $bytes) (i32.const 4)))
        (local.set $sum (v128.const i32x4 0 0 0 0))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load (local.get $at))
          (i16x8.extend_low_i8x16_u (local.get $low)))))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load offset=16 (local.get $at))
          (i16x8.extend_high_i8x16_u (local.get $low)))))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load offset=32 (local.get $at))
          (i16x8.extend_low_i8x16_u (local.get $high)))))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load offset=48 (local.get $at))
          (i16x8.extend_high_i8x16_u (local.get $high)))))
        (local.set $row (f32x4.add (local.get $row) (f32x4.mul (f32x4.convert_i32x4_s (local.get $sum))
          (f32x4.splat (f32.mul (f32.load (local.get $beside)) (f32.reinterpret_i32
            (i32.and (i32.shl (i32.load16_s (local.get $w)) (i32.const 13)) (i32.const 0x8fffffff))))))))
        (local.set $least (f32.add (local.get $least)
          (f32.mul (f32.load offset=4 (local.get $beside)) (f32.reinterpret_i32
            (i32.and (i32.shl (i32.load16_s offset=2 (local.get $w)) (i32.const 13)) (i32.const 0x8fffffff))))))
        (local.set $w (i32.add (local.get $w) (i32.const 20)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (local.set $beside (i32.add (local.get $beside) (i32.const 8)))
        (br_if $each_block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (f32.store (local.get $y) (f32.add (call $total (local.get $row)) (local.get $least)))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (br_if $each_row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; Q8_0: a scale and 32 numbers from -128 to 127.
  (func (export "q8_0")
    (param $w i32) (param $x i32) (param $scales i32) (param $y i32) (param $rows i32) (param $blocks i32)
    (local $at i32) (local $beside i32) (local $left i32) (local $row v128)
    (local $low v128) (local $high v128) (local $sum v128)
    (loop $each_row
      (local.set $at (local.get $x))
      (local.set $beside (local.get $scales))
      (local.set $left (local.get $blocks))
      (local.set $row (v128.const f32x4 0 0 0 0))
      (loop $each_block
        (local.set $low (v128.load offset=2 (local.get $w)))
        (local.set $high (v128.load offset=18 (local.get $w)))
        (local.set $sum (v128.const i32x4 0 0 0 0))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load (local.get $at))
          (i16x8.extend_low_i8x16_s (local.get $low)))))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load offset=16 (local.get $at))
          (i16x8.extend_high_i8x16_s (local.get $low)))))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load offset=32 (local.get $at))
          (i16x8.extend_low_i8x16_s (local.get $high)))))
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s (v128.load offset=48 (local.get $at))
          (i16x8.extend_high_i8x16_s (local.get $high)))))
        (local.set $row (f32x4.add (local.get $row) (f32x4.mul (f32x4.convert_i32x4_s (local.get $sum))
          (f32x4.splat (f32.mul (f32.load (local.get $beside)) (f32.reinterpret_i32
            (i32.and (i32.shl (i32.load16_s (local.get $w)) (i32.const 13)) (i32.const 0x8fffffff))))))))
        (local.set $w (i32.add (local.get $w) (i32.const 34)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (local.set $beside (i32.add (local.get $beside) (i32.const 8)))
        (br_if $each_block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (f32.store (local.get $y) (call $total (local.get $row)))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (br_if $each_row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))))
