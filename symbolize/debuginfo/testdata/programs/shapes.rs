//! Functions with parameters of many types, for probes.
#![no_std]
#![no_main]
extern crate alloc;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};

#[link(name = "c")]
extern "C" {
    fn malloc(n: usize) -> *mut u8;
    fn free(p: *mut u8);
    fn abort() -> !;
}

struct Libc;

unsafe impl GlobalAlloc for Libc {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        malloc(l.size())
    }
    unsafe fn dealloc(&self, p: *mut u8, _: Layout) {
        free(p)
    }
}

#[global_allocator]
static ALLOCATOR: Libc = Libc;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { abort() }
}

// What the standard library would bring along.
#[no_mangle]
extern "C" fn rust_eh_personality() {}

pub static mut COUNTER: i32 = 3;

#[derive(Clone, Copy)]
pub enum Color {
    Red,
    Green = 5,
}

pub enum Shape {
    Empty,
    Circle(f64),
    Rect { w: u32, h: u32 },
}

pub struct Point {
    pub x: i32,
    pub y: i64,
    pub tag: Option<u8>,
}

impl Point {
    #[inline(never)]
    pub fn scale(&self, by: i32) -> i64 {
        self.y * by as i64 + self.x as i64
    }
}

pub trait Area {
    fn area(&self) -> u32;
}

impl Area for Shape {
    #[inline(never)]
    fn area(&self) -> u32 {
        match self {
            Shape::Empty => 0,
            Shape::Circle(r) => (*r * *r * 3.14) as u32,
            Shape::Rect { w, h } => w * h,
        }
    }
}

#[inline(never)]
pub fn text(s: &str, owned: String, raw: &[u16], v: &Vec<i32>) -> usize {
    s.len() + owned.len() + raw.len() + v.len()
}

#[inline(never)]
pub fn scalars(a: i8, b: u64, c: bool, d: char, e: f32, f: Color, g: (i32, u8)) -> i64 {
    a as i64 + b as i64 + c as i64 + d as i64 + e as i64 + f as i64 + g.0 as i64 + g.1 as i64
}

#[inline(never)]
pub fn shapes(s: Shape, o: Option<&Point>, b: Box<Point>, p: *const u8) -> u32 {
    s.area() + o.map_or(0, |p| p.x as u32) + b.x as u32 + p.is_null() as u32
}

#[inline(never)]
pub fn generic<T: Copy + Into<i64>>(value: T) -> i64 {
    value.into() + 1
}

#[no_mangle]
pub extern "C" fn main(argc: i32, _argv: *const *const u8) -> i32 {
    let p = Point { x: argc, y: 4, tag: Some(1) };
    let mut v = Vec::new();
    v.push(argc);
    let n = text("hello", String::from("world"), &[1, 2, 3], &v);
    let add = |q: i32| -> i64 { q as i64 + p.scale(2) };
    unsafe { COUNTER += argc };
    let m = scalars(argc as i8, 2, argc > 0, 'x', argc as f32, if argc > 5 { Color::Red } else { Color::Green }, (argc, 8)) + add(argc) + generic(3i32) + generic(4u8);
    let k = shapes(Shape::Rect { w: 2, h: 3 }, Some(&p), Box::new(Point { x: 1, y: 2, tag: None }), core::ptr::null());
    let z = shapes(Shape::Circle(2.0), None, Box::new(Point { x: 1, y: 2, tag: None }), core::ptr::null());
    (n as i64 + m + k as i64 + z as i64 + Shape::Empty.area() as i64 + Color::Red as i64 + unsafe { COUNTER } as i64) as i32
}
