// shapes calls a function of each of many shapes once, for tests of arguments and
// results in C++.
#include <string>
#include <cstdio>
#include <string_view>
namespace ns {
enum class Color { Red, Green = 5, Blue };
struct Uri { const char *data; unsigned long len; };
struct Req { int id; Uri uri; double weight; unsigned a:3; signed b:5; Color c; int arr[4]; char name[8]; };
struct Base { int base = 77; };
struct T : Base { int v = 3; __attribute__((noinline)) int method(const std::string &s, bool ok); 
  template <typename U> __attribute__((noinline)) U tmpl(U x, std::string_view sv) { asm volatile(""); return x + (U)v + (U)sv.size(); } };
int T::method(const std::string &s, bool ok) { asm volatile(""); return (int)s.size() + v + ok; }
__attribute__((noinline)) long handle(Req *r, const Req &ref, Color c, float f, char ch, unsigned char uc, long double ld) { asm volatile(""::"r"(r)); return r->id + ref.id + (int)c; }
__attribute__((noinline)) std::string make(int n) { return std::string(n, 'x'); }
__attribute__((noinline)) Uri pair(const char *s) { return Uri{s, 4}; }
__attribute__((noinline)) const char *text(int n) { asm volatile(""); return n ? "some text" : nullptr; }
__attribute__((noinline)) bool yes(int n) { asm volatile(""); return n > 1; }
__attribute__((noinline)) Color color(int n) { asm volatile(""); return n > 1 ? Color::Green : Color::Red; }
__attribute__((noinline)) double dbl(double d) { asm volatile(""); return d * 2; }
__attribute__((noinline)) Uri byval(Uri u, Req big) { asm volatile(""); u.len += big.id; return u; }
}
int main() {
  ns::T t; ns::Req r{42, {"GET /", 5}, 2.5, 5, -3, ns::Color::Green, {1,2,3,4}, "bob"};
  std::string s = "hello \"world\"\n";
  printf("%d\n", t.method(s, true));
  printf("%d\n", t.tmpl<int>(10, "abc"));
  printf("%ld\n", ns::handle(&r, r, ns::Color::Blue, 1.5f, 'z', 200, 1.0L));
  printf("%s\n", ns::make(40).c_str());
  printf("%s\n", ns::pair("abcd").data);
  printf("%s\n", ns::text(1));
  printf("%d %d %f\n", ns::yes(2), (int)ns::color(2), ns::dbl(1.25));
  printf("%lu\n", ns::byval(r.uri, r).len);
  auto l = [&](int q) __attribute__((noinline)) { return q + r.id; };
  printf("%d\n", l(8));
}
