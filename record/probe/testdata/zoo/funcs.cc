// C++ functions that share a name, or have one that is no identifier.
namespace ns {
struct A {
    int f(int x);
    int f(double x);
    template <class T> int g(T t) { return t + 1; }
    bool operator==(int x);
};
int A::f(int x) { return x; }
int A::f(double x) { return x; }
bool A::operator==(int x) { return x == 1; }
}
int plain(int a) { return a; }
int variable = 3;
extern "C" int start(void) { ns::A a; return a.f(1) + a.f(2.0) + a.g(3) + plain(1) + (a == 1) + variable; }
